"""The generated pages of docs/reference: each is made of what the code declares, and compared by a test."""
