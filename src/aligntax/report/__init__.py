"""What people read: the terminal, one HTML file, JSON."""
