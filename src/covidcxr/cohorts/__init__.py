"""From image files to a manifest, pixels and splits."""
