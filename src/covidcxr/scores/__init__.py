"""From predictions to numbers with intervals; knows no image and no network."""
