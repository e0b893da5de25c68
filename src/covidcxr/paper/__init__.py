"""What the paper prints and whether it holds: claims, forensics, checklists, audit."""
