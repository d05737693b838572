"""Image files from outside: refusing what is unsafe, decoding, removing metadata. Pure functions over bytes."""
