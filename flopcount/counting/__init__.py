"""The walk: from an arch and an input to what every layer costs."""
