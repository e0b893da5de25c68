"""Tables of three to twenty classes, as the auditor of two classes takes each against the rest.

`reading` reads them, `names` knows what papers call an average over classes, `scores` computes all
scores from the four cells of each class. `understanding` brings what is printed to such cells, or
to limits, as `evidence`: whole matrices, `shares` of images, rows of one class against the rest, of
which `closing` says whether they close, or scores alone. `verdicts` judges values of the whole
table, `report` puts it together, `text` says it in words.
"""
