import csv

import numpy as np

from xanesmap.phasemap.segmentation.label_features import label_features


def write(path, name, *rows):
    path.joinpath("tables").mkdir(exist_ok=True)
    with path.joinpath("tables", f"{name}.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def test_tables_are_joined_by_the_number_of_the_particle(tmp_path):
    write(tmp_path, "particles", ["index", "structure", "volume (um^3)"], [1, "no core", 3.5], [2, "core and shell", 2])
    write(tmp_path, "core_shell", ["index", "shell thickness mean (um)", "evenly shrunk"], [2, 0.4, "yes"])
    features = label_features(tmp_path)
    assert list(features) == [
        "index",
        "structure",
        "volume (um^3)",
        "shell thickness mean (um)",
        "evenly shrunk",
    ]
    assert features["index"].tolist() == [1, 2]
    assert features["structure"].tolist() == ["no core", "core and shell"]
    np.testing.assert_array_equal(features["shell thickness mean (um)"], [np.nan, 0.4])
    assert features["evenly shrunk"].tolist() == ["", "yes"]


def test_a_result_without_particles_has_no_columns(tmp_path):
    assert label_features(tmp_path) == {}
    write(tmp_path, "particles", ["index", "structure"])
    assert label_features(tmp_path) == {}
