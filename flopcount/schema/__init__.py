"""What a file may say: validated, frozen, and free of arithmetic."""
