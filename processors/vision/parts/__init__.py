"""Parts by their places: from a board file or a pick-and-place file to what stands where in a photo."""
