from types import SimpleNamespace

import pytest

from xanesmap.viewers.napari_plugin.layers import drawing_limits
from xanesmap.viewers.napari_plugin.layers.drawing_limits import is_software, renderer, volume_budget


@pytest.mark.parametrize(
    ("name", "software"),
    [
        ("llvmpipe (LLVM 15.0.6, 256 bits)", True),
        ("NVIDIA RTX A4000/PCIe/SSE2", False),
        ("Mesa Intel(R) UHD", False),
        ("", False),
    ],
)
def test_software_renderers_are_told(name, software):
    assert is_software(name) is software


@pytest.mark.parametrize(
    ("name", "free", "budget"),
    [("NVIDIA", 64 * 2**30, 512 * 2**20), ("NVIDIA", 2**30, 2**27), ("llvmpipe", 64 * 2**30, 4 * 256**3)],
)
def test_volumes_are_held_to_memory_and_to_what_draws_them(monkeypatch, name, free, budget):
    monkeypatch.setattr(drawing_limits, "renderer", lambda: name)
    monkeypatch.setattr(drawing_limits.psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    assert volume_budget(4) == budget


def test_the_renderer_of_a_window_is_known(module_viewer):
    module_viewer.screenshot(flash=False)
    assert renderer()
