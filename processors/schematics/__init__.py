"""The schematic analyzer: design files, boardviews and netlists read into one model, and what a bench asks of it."""
