import numpy as np
import pytest

from xanesmap.viewers.colours import fraction_map, phase_colours
from xanesmap.viewers.napari_plugin.core_shell.bodies import Body
from xanesmap.viewers.napari_plugin.core_shell.cuts import Cut
from xanesmap.viewers.napari_plugin.core_shell.scene import CORE, SHELL, Look, build_model, scene

PHASES = ("LiFePO4", "FePO4")
GREEN, GOLD, _ = phase_colours(PHASES)
OUTER_UM, INNER_UM, STEP_UM = 1.0, 0.6, 0.05


def ball_in_ball(centre=(0.0, 0.0, 0.0), number=1):
    """A ball of LiFePO4 in a shell of FePO4."""
    offset = np.arange(-26, 27) * STEP_UM
    z, y, x = np.meshgrid(offset, offset, offset, indexing="ij")
    radius = np.sqrt(z**2 + y**2 + x**2)
    inner = radius < INNER_UM
    shell = ~inner & (radius < OUTER_UM + 2 * STEP_UM)  # smoothed shares reach beyond the surface
    shares = np.stack([inner, shell, np.zeros_like(inner)]).astype(np.float32)
    return Body(
        number=number,
        origin_um=np.array(centre, np.float32) + np.float32(offset[0]),
        step_um=STEP_UM,
        solid=((OUTER_UM - radius) / STEP_UM).astype(np.float32),
        core=((INNER_UM - radius) / STEP_UM).astype(np.float32),
        shares=shares,
        fraction=inner.astype(np.float32),
        centre_um=np.array(centre, np.float32),
    )


@pytest.fixture(scope="module")
def model():
    return build_model([ball_in_ball()], PHASES, core=0)


def ball(radius):
    return 4 / 3 * np.pi * radius**3


def enclosed(mesh):
    """Volume within a closed surface, positive where it faces outwards (divergence theorem)."""
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces], 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def opening(mesh):
    """Sum of the area vectors: nil of a closed surface."""
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces], 1, 0)
    return np.linalg.norm(np.cross(b - a, c - a).sum(axis=0) / 2)


def drawn(model, look):
    return {surface.name: surface for surface in scene(model, look)}


def area_in(mesh, colour):
    """Area of the triangles of that colour."""
    same = np.abs(mesh.values[mesh.faces] - colour).max(axis=(1, 2)) < 0.01
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces[same]], 1, 0)
    return np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2


def test_a_whole_particle_is_one_closed_surface_in_the_colour_of_its_shell(model):
    surfaces = drawn(model, Look())
    assert list(surfaces) == [SHELL]
    mesh = surfaces[SHELL].mesh
    assert enclosed(mesh) == pytest.approx(ball(OUTER_UM), rel=0.01)
    np.testing.assert_allclose(mesh.values, np.broadcast_to(GOLD, mesh.values.shape))


@pytest.mark.parametrize(("kind", "left"), [("half", 1 / 2), ("octant", 7 / 8), ("wedge", 7 / 8)])
@pytest.mark.parametrize("direction", [(1.0, 0.0, 0.0), (0.2, -0.7, 0.5)])
@pytest.mark.parametrize("flip", [False, True])
def test_a_cut_particle_is_closed_by_the_faces_of_the_cut(model, kind, left, direction, flip):
    cut = Cut(kind=kind, centre_um=(0, 0, 0), direction=direction, flip=flip)
    mesh = drawn(model, Look(cut=cut))[SHELL].mesh
    assert enclosed(mesh) == pytest.approx(left * ball(OUTER_UM), rel=0.01)
    assert opening(mesh) < 0.01 * np.pi * OUTER_UM**2


def test_a_box_is_cut_out_with_its_walls_and_its_floor(model):
    cut = Cut(kind="box", centre_um=(0, 0, 0), position_um=0.0, size_um=0.5)
    mesh = drawn(model, Look(cut=cut))[SHELL].mesh
    assert ball(OUTER_UM) - enclosed(mesh) == pytest.approx(0.25 * 0.979, rel=0.03)  # mean height over the square
    assert opening(mesh) < 0.01 * np.pi


def test_a_cut_face_shows_core_and_shell_in_their_colours(model):
    mesh = drawn(model, Look(cut=Cut(centre_um=(0, 0, 0), direction=(0, 0, 1))))[SHELL].mesh
    assert area_in(mesh, GREEN) == pytest.approx(np.pi * INNER_UM**2, rel=0.02)
    outer = 2 * np.pi * OUTER_UM**2 + np.pi * (OUTER_UM**2 - INNER_UM**2)
    assert area_in(mesh, GOLD) == pytest.approx(outer, rel=0.02)


def test_a_cut_beyond_the_particle_takes_nothing(model):
    mesh = drawn(model, Look(cut=Cut(centre_um=(0, 0, 0), position_um=1.2)))[SHELL].mesh
    assert enclosed(mesh) == pytest.approx(ball(OUTER_UM), rel=0.01)


def test_a_core_stays_whole_in_a_cut_shell_and_is_drawn_before_it(model):
    look = Look(cut=Cut(centre_um=(0, 0, 0)), whole_core=True)
    surfaces = drawn(model, look)
    assert list(surfaces) == [CORE, SHELL]
    assert enclosed(surfaces[CORE].mesh) == pytest.approx(ball(INNER_UM), rel=0.02)
    assert enclosed(surfaces[SHELL].mesh) == pytest.approx((ball(OUTER_UM) - ball(INNER_UM)) / 2, rel=0.02)
    np.testing.assert_allclose(surfaces[CORE].mesh.values, np.broadcast_to(GREEN, surfaces[CORE].mesh.values.shape))


def test_a_transparent_shell_lies_over_its_core(model):
    surfaces = scene(model, Look(shell_opacity=0.3))
    assert [(surface.name, surface.opacity) for surface in surfaces] == [(CORE, 1.0), (SHELL, 0.3)]


def test_a_transparent_shell_and_its_core_are_cut_together(model):
    surfaces = drawn(model, Look(shell_opacity=0.3, cut=Cut(centre_um=(0, 0, 0))))
    assert enclosed(surfaces[CORE].mesh) == pytest.approx(ball(INNER_UM) / 2, rel=0.02)


def test_the_core_moves_out_of_a_hollow_shell_along_the_axis(model):
    look = Look(cut=Cut(centre_um=(0, 0, 0), direction=(0, 1, 0)), spread="core", spread_um=2.0, direction=(0, 1, 0))
    surfaces = drawn(model, look)
    np.testing.assert_allclose(surfaces[CORE].mesh.vertices.mean(axis=0), (0, 2, 0), atol=0.02)
    assert enclosed(surfaces[CORE].mesh) == pytest.approx(ball(INNER_UM), rel=0.02)
    assert enclosed(surfaces[SHELL].mesh) == pytest.approx((ball(OUTER_UM) - ball(INNER_UM)) / 2, rel=0.02)
    assert area_in(surfaces[SHELL].mesh, GREEN) == 0


def test_halves_of_the_shell_move_apart_by_twice_the_distance_and_the_core_stays(model):
    together = drawn(model, Look(spread="halves", spread_um=0.0))[SHELL].mesh
    apart = drawn(model, Look(spread="halves", spread_um=0.7))
    width = np.ptp(apart[SHELL].mesh.vertices[:, 0]) - np.ptp(together.vertices[:, 0])
    assert width == pytest.approx(1.4, abs=1e-6)
    np.testing.assert_allclose(apart[CORE].mesh.vertices.mean(axis=0), 0, atol=0.02)
    # the upper half goes up: none of it is left below
    z = apart[SHELL].mesh.vertices[:, 0]
    assert not ((z > -0.7 + 1e-6) & (z < 0.7 - 1e-6)).any()


def test_particles_move_away_from_their_common_centre_in_proportion():
    bodies = [ball_in_ball((0, 0, x), number=number) for number, x in enumerate((-3.0, 0.0, 3.0), start=1)]
    model = build_model(bodies, PHASES, core=0)
    mesh = drawn(model, Look(spread="particles", spread_um=2.0))[SHELL].mesh
    assert np.ptp(mesh.vertices[:, 2]) == pytest.approx(6 + 2 + 4, abs=0.02)
    assert enclosed(mesh) == pytest.approx(3 * ball(OUTER_UM), rel=0.01)


def test_a_single_particle_has_nowhere_to_go(model):
    mesh = drawn(model, Look(spread="particles", spread_um=2.0))[SHELL].mesh
    assert np.ptp(mesh.vertices[:, 2]) == pytest.approx(2 * OUTER_UM, abs=0.02)


def test_fractions_colour_the_faces_of_a_cut():
    model = build_model([ball_in_ball()], PHASES, core=0, tint="fraction")
    mesh = drawn(model, Look(cut=Cut(centre_um=(0, 0, 0))))[SHELL].mesh
    ends = fraction_map(PHASES, 0)([0.0, 1.0])[:, :3]
    assert area_in(mesh, ends[1]) == pytest.approx(np.pi * INNER_UM**2, rel=0.2)  # blurred by one grid step


def test_a_body_without_core_is_cut_too():
    body = ball_in_ball()
    bare = Body(**{name: getattr(body, name) for name in Body.__slots__} | {"core": np.full_like(body.core, -1)})
    model = build_model([bare], PHASES, core=0)
    surfaces = drawn(model, Look(cut=Cut(centre_um=(0, 0, 0)), whole_core=True))
    assert list(surfaces) == [SHELL]
    assert enclosed(surfaces[SHELL].mesh) == pytest.approx(ball(OUTER_UM) / 2, rel=0.01)
