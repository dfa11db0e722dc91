"""Each transform changes what it should, and nothing else."""

import numpy as np
import pytest

from experiments.robustness import transforms
from selforg_mnist.data import augmentation, pieces
from selforg_mnist.data.digits import load_digits


@pytest.fixture(scope="module")
def drawn():
    """All pictures are in one piece; writing to them is an error."""
    images = load_digits("drawn", "test", num_drawn=30).images
    images.setflags(write=False)
    return images


def picture(*rectangles, side=28):
    """[1, side, side] uint8 with full ink in rectangles of (top, bottom, left, right)."""
    image = np.zeros((1, side, side), np.uint8)
    for top, bottom, left, right in rectangles:
        image[0, top:bottom, left:right] = 255
    return image


class TestInOnePiece:
    @pytest.mark.parametrize(
        ("rectangles", "whole"),
        [
            ([(4, 9, 5, 8)], True),
            ([(4, 9, 5, 8), (9, 12, 8, 12)], True),  # they touch at a corner
            ([(4, 9, 5, 8), (10, 12, 5, 8)], False),
            ([], False),
        ],
    )
    def test_pieces(self, rectangles, whole):
        assert pieces.connected(picture(*rectangles)).tolist() == [whole]

    def test_neighbours_in_the_batch_do_not_touch(self):
        # The bottom of the first would connect the two pieces at the top of the second.
        images = [picture((24, 28, 3, 20)), picture((0, 9, 3, 5), (0, 9, 18, 20)), picture()]
        whole = pieces.connected(np.concatenate(images))
        assert whole.tolist() == [True, False, False]

    def test_as_the_drawn_digits_promise(self, drawn):
        cut = drawn.copy()
        cut[:15, 14] = 0
        assert pieces.connected(drawn).all()
        assert not pieces.connected(cut).all()


class TestRescale:
    def test_same_size_is_the_same_picture(self, drawn):
        np.testing.assert_array_equal(augmentation.rescale(drawn, 1.0, 1.0, 28), drawn)
        wide = augmentation.rescale(drawn, 1.0, 1.0, 56)
        np.testing.assert_array_equal(wide, transforms.pad(drawn, 14))

    @pytest.mark.parametrize(
        ("height", "width"), [(2.0, 2.0), (0.5, 0.5), (3.0, 1.0), (1.5, 0.75)]
    )
    def test_ink_grows_by_both_factors(self, drawn, height, width):
        ink = augmentation.rescale(drawn, height, width, 84).sum(axis=(1, 2), dtype=float)
        np.testing.assert_allclose(ink / drawn.sum(axis=(1, 2)), height * width, rtol=0.05)

    def test_bar_twice_as_large_stays_in_the_middle(self):
        large = augmentation.rescale(picture((12, 16, 8, 20)), 2.0, 2.0, 56)[0] > 127
        expected = picture((24, 32, 16, 40), side=56)[0] > 127
        np.testing.assert_array_equal(large, expected)

    def test_half_a_cell_of_a_bar_is_half_gray(self):
        small = augmentation.rescale(picture((13, 15, 4, 24)), 0.5, 1.0, 28)
        rows = small[0, 13:15, 14].astype(float)  # the bar lies on the border of two cells
        assert rows.sum() == pytest.approx(255, rel=0.1)
        assert rows[0] == rows[1]


class TestThicken:
    def test_bar_gains_a_row_and_a_column_on_each_side(self):
        thick = transforms.thicken(picture((12, 15, 6, 22)), 1.0)[0]
        np.testing.assert_array_equal(thick[11:16, 6:22], 255)
        np.testing.assert_array_equal(thick[12:15, 5:23], 255)
        assert thick[:11].max() == thick[16:].max() == thick[:, :5].max() == 0
        assert 0 < thick[11, 5] < 255  # the pen is round

    def test_part_of_a_cell_is_exact(self):
        thick = transforms.thicken(picture((12, 15, 6, 22)), 0.25)[0]
        assert thick[10:17, 14].tolist() == [0, 64, 255, 255, 255, 64, 0]
        thin = transforms.thicken(picture((12, 15, 6, 22)), -0.75)[0]
        assert thin[10:17, 14].tolist() == [0, 0, 64, 255, 64, 0, 0]

    def test_thinning_takes_back_what_thickening_gave(self):
        bar = picture((12, 15, 6, 22))
        np.testing.assert_array_equal(
            transforms.thicken(transforms.thicken(bar, 1.0), -1.0)[0, :, 8:20], bar[0, :, 8:20]
        )
        assert transforms.thicken(bar, -1.5).max() == 0  # as wide as its half height

    def test_nothing_added_changes_nothing(self, drawn):
        np.testing.assert_array_equal(transforms.thicken(drawn, 0.0), drawn)

    def test_more_ink_with_each_quarter(self, drawn):
        ink = [
            transforms.thicken(drawn, r).sum(axis=(1, 2), dtype=int)
            for r in (-0.5, -0.25, 0.0, 0.25, 0.5)
        ]
        assert (np.diff(ink, axis=0) > 0).all()


class TestShift:
    @pytest.mark.parametrize(("down", "right"), [(3, 5), (-2, 4), (0, 0), (-7, -9)])
    def test_pixels_move_exactly(self, drawn, down, right):
        moved = transforms.shift(drawn, down, right)
        assert moved.shape == drawn.shape
        for y, x in np.argwhere(drawn[0] > 0):
            if 0 <= y + down < 28 and 0 <= x + right < 28:
                assert moved[0, y + down, x + right] == drawn[0, y, x]
        kept = drawn[:, max(0, -down) : 28 - max(0, down), max(0, -right) : 28 - max(0, right)]
        assert moved.sum() == kept.sum()

    def test_wide_canvas_loses_nothing(self, drawn):
        wide = transforms.pad(drawn, 14)
        assert transforms.shift(wide, 14, 14).sum() == drawn.sum()
        np.testing.assert_array_equal(transforms.shift(wide, 14, 14)[:, 28:, 28:], drawn)


@pytest.mark.parametrize("choose", [transforms.scattered, transforms.block])
class TestChosenCells:
    def test_share_is_exact_and_of_living_cells_only(self, drawn, choose):
        living = transforms.alive(drawn)
        for fraction in (0.0, 0.1, 0.33, 0.7, 1.0):
            chosen = choose(drawn, fraction, np.random.default_rng(1))
            assert not (chosen & ~living).any()
            expected = np.rint(fraction * living.sum(axis=(1, 2)))
            np.testing.assert_array_equal(chosen.sum(axis=(1, 2)), expected)

    def test_a_larger_share_holds_the_smaller(self, drawn, choose):
        small, large, other = (
            choose(drawn, share, np.random.default_rng(seed))
            for share, seed in ((0.2, 1), (0.5, 1), (0.2, 2))
        )
        assert not (small & ~large).any()
        assert (small != other).any(axis=(1, 2)).mean() > 0.9


def test_block_is_nearest_to_one_cell_and_scattered_is_not(drawn):
    def spread(chosen):
        return np.mean([np.argwhere(c).std(axis=0).sum() for c in chosen])

    block, scattered = (
        choose(drawn, 0.2, np.random.default_rng(1))
        for choose in (transforms.block, transforms.scattered)
    )
    assert spread(block) < spread(scattered) / 2
    line = transforms.block(picture((14, 15, 2, 26)), 0.25, np.random.default_rng(1))
    (columns,) = np.nonzero(line[0, 14])  # 6 of 24 cells
    assert columns.max() - columns.min() == 5


class TestChimeras:
    @pytest.mark.parametrize("axis", transforms.AXES)
    @pytest.mark.parametrize("at", [0.25, 0.5])
    def test_splice_takes_each_part_from_its_parent(self, drawn, axis, at):
        first, second = drawn[:15], drawn[15:]
        images, of_first = transforms.splice(first, second, axis, at)
        edge = int(28 * at)
        if axis == "right":
            images, of_first, first, second = (
                a.swapaxes(1, 2) for a in (images, of_first, first, second)
            )
        np.testing.assert_array_equal(images[:, :edge], first[:, :edge])
        np.testing.assert_array_equal(images[:, edge:], second[:, edge:])
        assert of_first[:, :edge].all()
        assert not of_first[:, edge:].any()

    @pytest.mark.parametrize("axis", transforms.AXES)
    def test_joined_digits_are_both_whole_and_meet(self, drawn, axis):
        first, second = drawn[:15], drawn[15:]
        images, of_first = transforms.join(first, second, axis)
        assert images.shape == ((15, 56, 28) if axis == "down" else (15, 28, 56))
        assert pieces.connected(images).all()
        living = transforms.alive(images)
        cells = living.sum(axis=(1, 2))
        parents = sum(transforms.alive(part).sum(axis=(1, 2)) for part in (first, second))
        assert (cells < parents).all()  # they share a cell
        assert (parents - cells <= 20).all()  # and few
        for i in range(15):  # the ink of both parents is there, moved
            for parent, part in ((first[i], of_first[i]), (second[i], ~of_first[i])):
                ours = images[i] * part
                rows, columns = (np.flatnonzero(ours.any(axis=a)) for a in (1, 0))
                ours = ours[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                assert ours.sum() >= 0.9 * parent.sum()
                assert (parent.sum() + 255) >= ours.sum()

    def test_joined_bars_meet_in_their_one_common_column(self):
        first, second = picture((4, 9, 6, 8)), picture((10, 20, 7, 12))
        images, of_first = transforms.join(first, second, "down")
        # 5 rows and 10 that share one are 14, in the middle of 56.
        expected = picture((21, 26, 6, 8), (25, 35, 7, 12), side=56)[0, :, :28]
        np.testing.assert_array_equal(images[0], expected)
        assert of_first[0].sum() == 10
        np.testing.assert_array_equal(of_first[0, 21:26, 6:8], True)

    def test_bars_without_a_common_column_stay_apart(self):
        images, _ = transforms.join(picture((4, 9, 2, 4)), picture((4, 9, 20, 24)), "down")
        assert not pieces.connected(images).any()
        assert images.sum() == 255 * (10 + 20)
