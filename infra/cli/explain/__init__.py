"""`darkroom explain`: what a photo becomes, from which files, and where its results go."""
