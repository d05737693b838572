"""The object store: bytes by bucket and key, for pictures, audio, documents and sealed personal data."""
