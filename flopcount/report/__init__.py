"""Everything that is shown becomes a Report of Tables here; a renderer per format writes it."""
