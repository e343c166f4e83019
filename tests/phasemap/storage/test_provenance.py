import dataclasses
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydantic
import pytest

import xanesmap
from xanesmap.errors import DataError
from xanesmap.phasemap.storage import provenance as module
from xanesmap.phasemap.storage.provenance import as_json, file_identity, provenance


@dataclasses.dataclass
class Spectrum:
    name: str
    energies_ev: np.ndarray
    values: np.ndarray
    source: str


class Settings(pydantic.BaseModel):
    source: Path
    energy_offset_ev: float = 0.5


def test_provenance_tells_how_the_result_was_made(tmp_path):
    scan = tmp_path / "scan.h5"
    scan.write_bytes(b"counts")
    reference = Spectrum("LiFePO4", np.array([7100.0, 7120.0]), np.array([0.0, 1.0]), "measured, 2026")
    facts = provenance(
        Settings(source=scan),
        [scan],
        engine_name="fourier",
        engine_version="finufft 2.5",
        references=[reference],
    )
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["xanesmap_version"] == xanesmap.__version__
    assert facts["packages"]["numpy"] == np.__version__
    assert facts["configuration"] == {"source": str(scan), "energy_offset_ev": 0.5}
    assert facts["engine"] == {"name": "fourier", "version": "finufft 2.5"}
    assert facts["references"][0]["energies_ev"] == [7100.0, 7120.0]
    assert facts["references"][0]["source"] == "measured, 2026"
    assert facts["inputs"][0]["sha256"] == hashlib.sha256(b"counts").hexdigest()
    made = datetime.fromisoformat(facts["created"])
    assert made.utcoffset().total_seconds() == 0
    assert abs((datetime.now(UTC) - made).total_seconds()) < 60


def test_packages_that_are_not_installed_are_left_out(monkeypatch):
    monkeypatch.setattr(module, "PACKAGES", ("numpy", "no-such-package-here"))
    assert list(provenance({}, [], engine_name="x", engine_version="1")["packages"]) == ["numpy"]


def test_a_file_is_known_by_size_and_checksum(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"abc")
    assert file_identity(tmp_path / "a.h5") == {
        "path": str((tmp_path / "a.h5").resolve()),
        "bytes": 3,
        # SHA-256 of "abc": FIPS 180-2, appendix B.1.
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }


def test_a_large_file_is_known_by_its_ends_and_the_checksum_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "WHOLE_FILE_BYTES", 9 * 1024**2)
    mega = 1024**2
    rng = np.random.default_rng(0)
    content = rng.bytes(10 * mega)
    middle = content[: 5 * mega] + b"\x00" + content[5 * mega + 1 :]
    last = content[:-1] + bytes([content[-1] ^ 1])
    found = []
    for name, data in {"whole": content, "middle": middle, "last": last}.items():
        (tmp_path / name).write_bytes(data)
        found.append(file_identity(tmp_path / name))
    key = "sha256_of_first_and_last_4_MiB"
    assert found[0][key] == hashlib.sha256(content[: 4 * mega] + content[-4 * mega :]).hexdigest()
    assert "sha256" not in found[0]
    assert found[0][key] == found[1][key] != found[2][key]


def test_a_missing_input_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match=r"cannot read input file '.*gone.h5' for its checksum \(No such file"):
        file_identity(tmp_path / "gone.h5")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(0.5), 0.5),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (np.bool_(True), True),
        (float("nan"), "NaN"),
        (np.array([np.inf, -np.inf]), ["Infinity", "-Infinity"]),
        (Path("/data/scan"), "/data/scan"),
        (datetime(2026, 11, 22, tzinfo=UTC), "2026-11-22T00:00:00+00:00"),
        ({"a": (1, None, "x")}, {"a": [1, None, "x"]}),
        ({7112: True}, {"7112": True}),
        (
            Spectrum("a", np.ones(1), np.ones(1), "b"),
            {"name": "a", "energies_ev": [1], "values": [1], "source": "b"},
        ),
    ],
    ids=str,
)
def test_values_become_plain_json(value, plain):
    assert as_json(value) == plain
    json.dumps(as_json(value), allow_nan=False)


def test_what_json_cannot_hold_is_refused_by_name():
    with pytest.raises(TypeError, match="a complex cannot be kept in the attributes of a result"):
        as_json({"z": 1j})
