"""Generated files: JSON Schema of every type, AsyncAPI, the topic table and the graph. Checked for being current."""
