"""What a network would cost with other convolutions, widths and sizes."""
