"""Studies, run records, atomic files, errors and wording: what every other room rests on."""
