"""The mathematics: what a layer does to a shape, and what that costs."""
