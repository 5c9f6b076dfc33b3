"""Reading and writing: file ⇄ Arch."""
