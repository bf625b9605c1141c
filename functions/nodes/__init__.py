"""The built-in node types, one module per family. They are found by their entry points, like those of any package."""
