"""Bare boards: a binarised photo held against its template, each defect boxed and named."""
