"""Networks written down as arch files again."""
