"""Frames of films, cell by cell."""

import numpy as np
import pytest

from selforg_mnist.pictures import film_frames, film_parts, render

WHITE, BLACK, INK = (255, 255, 255), (0, 0, 0), (40, 40, 40)
RED_1, LIME_3, GRAY_7 = (230, 25, 75), (210, 245, 60), (165, 163, 159)  # labels 1, 3 and 7
TRACK = (240, 240, 240)


def logits_of(labels):
    """[..., 10]: cells that give these labels, none where it is -1."""
    return np.where(np.asarray(labels)[..., None] == np.arange(10), 1.0, 0.0).astype(np.float32)


def random_cells(*shape, seed=0):
    """Gray values and states of cells, some dead, some extreme."""
    rng = np.random.default_rng(seed)
    gray = rng.uniform(-0.5, 1, shape).clip(0).astype(np.float32)
    state = (rng.normal(size=(*shape, 19)) ** 9).astype(np.float32)
    return gray, state


class TestRuns:
    def test_cells_are_opaque_and_where_they_belong(self):
        gray = np.zeros([2, 3, 90], np.float32)
        labels = np.zeros([2, 3, 90], int)
        gray[0, 0, 0], labels[0, 0, 0] = 0.2, 3
        gray[1, 2, 89], labels[1, 2, 89] = 1.0, 7
        gray[1, 1, 0], labels[1, 1, 0] = 1.0, -1
        frame = film_frames.runs(gray, logits_of(labels), 0, 10, scale=2, columns=2)
        cells = frame[8 : 8 + 6]
        assert frame.shape[1] == 8 + 180 + 2 + 180 + 8
        coloured = {tuple(p): tuple(cells[tuple(p)]) for p in np.argwhere((cells < 255).any(-1))}
        assert coloured == {
            **{(y, x): LIME_3 for y in (0, 1) for x in (8, 9)},
            **{(y, x): GRAY_7 for y in (4, 5) for x in (8 + 182 + 178, 8 + 182 + 179)},
            **{(y, x): BLACK for y in (2, 3) for x in (8 + 182, 8 + 182 + 1)},
        }

    def test_samples_fill_rows(self):
        gray = np.ones([5, 4, 4], np.float32)
        logits = logits_of(np.arange(5)[:, None, None] * np.ones([4, 4], int))
        frame = film_frames.runs(gray, logits, 0, 10, scale=3, columns=2)
        pictures = render.mosaic(render.colour(gray, logits), columns=2, scale=3)
        height, width = pictures.shape[:2]
        left = 8 + (256 - width) // 4 * 2
        np.testing.assert_array_equal(frame[8 : 8 + height, left : left + width], pictures)
        assert (frame[8 : 8 + height, :left] == 255).all()
        assert (frame[8 : 8 + height, left + width :] == 255).all()

    def test_below_them_are_the_step_the_key_and_the_time_bar(self):
        gray, logits = np.zeros([1, 28, 28], np.float32), np.zeros([1, 28, 28, 10], np.float32)
        frame = film_frames.runs(gray, logits, 150, 400, [200])
        below = frame[8 + 56 + 8 : -8, 8:-8]
        word = film_parts.text("step 150")
        np.testing.assert_array_equal(below[:16, : word.shape[1]], word)
        np.testing.assert_array_equal(below[:16, -11 * 16 :], render.legend(16))
        np.testing.assert_array_equal(below[24:], film_parts.time_bar(256, 150, 400, [200]))

    @pytest.mark.parametrize("shape", [(1, 28, 28), (1, 140, 140), (7, 10, 30), (1, 1, 1)])
    def test_size_is_that_of_the_film(self, shape):
        shapes = set()
        for step in (0, 1, 999, 1000, 1001, 2000):
            gray, state = random_cells(*shape, seed=step)
            frame = film_frames.runs(gray, state[..., 9:], step, 2000, [1000])
            assert frame.dtype == np.uint8
            shapes.add(frame.shape)
        assert len(shapes) == 1


class TestDigitMosaic:
    def test_edges_are_faded(self):
        gray = np.array([[[1.0, 0.5]], [[0.2, 0.1]]], np.float32)
        picture = film_frames.digit_mosaic(gray, logits_of([[[0, 0]], [[8, 8]]]), 16, scale=1)
        assert [tuple(p) for p in picture[0]] == [
            (128, 0, 0),
            (192, 128, 128),
            (204, 230, 230),
            WHITE,
        ]

    def test_banner_of_the_article(self):
        gray, state = random_cells(144, 28, 28)
        picture = film_frames.digit_mosaic(gray, state[..., 9:])
        assert picture.shape == (9 * 56, 16 * 56, 3)
        last = render.colour(gray[143], state[143, ..., 9:], fade=True)
        np.testing.assert_array_equal(picture[8 * 56 :: 2, 15 * 56 :: 2], last)


class TestInternalStates:
    # Margin, digit and gap; margin, colour bar and gap.
    LEFT, TOP = 8 + 140 + 16, 8 + 40 + 8
    PITCH, ROW = 56 + 4, 20 + 56 + 4

    def channel(self, frame, i):
        """Channel i of a frame of a 28x28 sample, a pixel a cell."""
        top = self.TOP + i // 10 * self.ROW + 20
        left = self.LEFT + i % 10 * self.PITCH + 2
        tile = frame[top : top + 56, left : left + 56]
        np.testing.assert_array_equal(tile[::2, ::2].repeat(2, 0).repeat(2, 1), tile)
        return tile[::2, ::2]

    def test_every_channel_is_in_its_place(self):
        gray, state = random_cells(28, 28)
        frame = film_frames.internal_states(gray, state, 3, 10)
        values = np.concatenate([gray[..., None], state], axis=-1)
        values[gray <= 0.1] = 0
        for i in range(20):
            expected = film_parts.signed(values[..., i])
            np.testing.assert_array_equal(self.channel(frame, i), expected, err_msg=f"channel {i}")

    def test_sign_is_the_colour_and_dead_cells_are_background(self):
        gray, state = np.zeros([28, 28], np.float32), np.zeros([28, 28, 19], np.float32)
        gray[2, 3:7] = 1.0
        state[2, 3:6, 4] = [2.0, -2.0, 0.0]
        state[20, 20, 4] = 5.0  # a dead cell has no state
        frame = film_frames.internal_states(gray, state, 3, 10)
        channel = self.channel(frame, 5).astype(int)
        assert channel[2, 3, 0] > channel[2, 3, 2] + 50
        assert channel[2, 4, 2] > channel[2, 4, 0] + 50
        assert tuple(channel[2, 5]) == tuple(channel[0, 0]) == (247, 246, 246)
        assert (np.delete(channel.reshape(-1, 3), [2 * 28 + 3, 2 * 28 + 4], axis=0) > 245).all()
        assert (self.channel(frame, 0)[2, 3:7].astype(int)[:, 0] > 200).all()

    @pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan, 3e38, -3e38])
    def test_values_beyond_all_bounds(self, bad):
        gray, state = np.ones([28, 28], np.float32), np.full([28, 28, 19], bad, np.float32)
        with np.errstate(all="raise"):
            frame = film_frames.internal_states(gray, state, 3, 10)
        expected = {True: (103, 0, 31), False: (5, 48, 97)}[bad > 0] if bad == bad else BLACK
        assert (self.channel(frame, 1) == expected).all()

    def test_the_digit_at_the_left_is_coloured(self):
        gray, state = np.ones([28, 28], np.float32), np.zeros([28, 28, 19], np.float32)
        state[..., 9 + 3] = 1.0
        state[0, 0, 9 + 7] = 2.0
        frame = film_frames.internal_states(gray, state, 3, 10)
        # Five pixels a cell, in the middle of the 160 rows of the channels.
        digit = frame[self.TOP + 10 : self.TOP + 150, 8:148]
        assert (digit[:5, :5] == GRAY_7).all()
        assert (digit[5:] == LIME_3).all()
        assert (digit[:5, 5:] == LIME_3).all()
        assert tuple(frame[self.TOP + 9, 8]) == tuple(frame[self.TOP + 150, 8]) == WHITE

    def test_channels_are_named(self):
        gray, state = random_cells(28, 28)
        frame = film_frames.internal_states(gray, state, 3, 10)
        key = render.legend(16)
        for label in range(10):
            tile = frame[self.TOP + self.ROW :, self.LEFT + label * self.PITCH :]
            square = key[:, label * 16 : label * 16 + 16]
            np.testing.assert_array_equal(tile[2:18, 22:38], square)
        names = [
            frame[self.TOP : self.TOP + 18, self.LEFT + i * self.PITCH :][:, : self.PITCH]
            for i in range(10)
        ]
        assert len({name.tobytes() for name in names}) == 10
        assert all((name < 128).any() for name in names)

    def test_step_and_bars(self):
        gray, state = random_cells(28, 28)
        frame = film_frames.internal_states(gray, state, 123, 400, [100, 200])
        word = film_parts.text("step 123")
        np.testing.assert_array_equal(frame[8:24, 8 : 8 + word.shape[1]], word)
        key = film_parts.colour_bar(10 * self.PITCH)
        np.testing.assert_array_equal(frame[8 : self.TOP - 8, self.LEFT : -8], key)
        bar = film_parts.time_bar(frame.shape[1] - 16, 123, 400, [100, 200])
        np.testing.assert_array_equal(frame[-8 - bar.shape[0] : -8, 8:-8], bar)

    @pytest.mark.parametrize("shape", [(28, 28), (140, 140), (9, 5), (28, 140), (141, 27)])
    def test_size_is_that_of_the_film(self, shape):
        shapes = set()
        for step in (0, 7, 2000):
            gray, state = random_cells(*shape, seed=step)
            shapes.add(film_frames.internal_states(gray, state, step, 2000, [1000]).shape)
        assert len(shapes) == 1

    def test_scale_is_that_of_the_channels(self):
        gray, state = random_cells(28, 28)
        frame = film_frames.internal_states(gray, state, 3, 10, scale=1)
        other = film_frames.internal_states(gray, state, 3, 10, scale=3)
        assert frame.shape[1] < film_frames.internal_states(gray, state, 3, 10).shape[1]
        assert other.shape[1] == 8 + 28 * (2 * (20 + 84 + 4) // 28) + 16 + 10 * (84 + 4) + 8


class TestVotes:
    def frame(self, *labels, step=5):
        """A row of cells that give these labels, a dead one behind."""
        gray = np.array([[1.0] * len(labels) + [0.0]], np.float32)
        return film_frames.votes(gray, logits_of([[*labels, 4]]), step)

    def bars(self, frame):
        """Heights of the eleven bars; their colours."""
        bars = frame[-8 - 28 - 2 - 60 : -8 - 28 - 2, 8 + 6 :]
        columns = [bars[:, 28 * i + 14] for i in range(11)]
        heights = [int((column != TRACK).any(axis=-1).sum()) for column in columns]
        return heights, [tuple(column[-1]) for column in columns]

    def test_bars_are_shares_of_the_living_cells(self):
        heights, colours = self.bars(self.frame(3, 3, 1, -1))
        assert heights == [0, 15, 0, 30, 0, 0, 0, 0, 0, 0, 15]
        assert [colours[i] for i in (1, 3, 10)] == [RED_1, LIME_3, BLACK]
        assert set(colours) == {RED_1, LIME_3, BLACK, TRACK}

    def test_bars_stand_on_their_labels(self):
        frame = self.frame(3)
        np.testing.assert_array_equal(frame[-36:-8, 14 : 14 + 308], render.legend(28))

    @pytest.mark.parametrize(
        ("labels", "verdict"),
        [
            ((3, 3, 3, 3), "3: 4 of 4 cells agree"),
            ((3, 7, 7, -1), "7: 2 of 4 cells agree"),
            ((3, -1, -1, -1), "3: 1 of 4 cells agree"),
            ((-1, -1), "none of 2 cells has decided"),
            ((), "no cell is alive"),
        ],
    )
    def test_verdict(self, labels, verdict):
        frame = self.frame(*labels, step=37)
        caption = frame[-8 - 28 - 2 - 60 - 8 - 18 :][:18, 8:-8]
        step, words = film_parts.text("step 37", 14), film_parts.text(verdict, 14)
        np.testing.assert_array_equal(caption[:, : step.shape[1]], step)
        np.testing.assert_array_equal(caption[:, -words.shape[1] :], words)

    def test_digit_is_large_and_faded(self):
        gray = np.zeros([28, 28], np.float32)
        gray[0, 0], gray[27, 27] = 1.0, 0.5
        frame = film_frames.votes(gray, logits_of(np.full([28, 28], 1)), 0)
        digit = frame[8 : 8 + 308, 8 + 6 : 8 + 6 + 308]
        assert (digit[:11, :11] == RED_1).all()
        assert (digit[-11:, -11:] == (242, 140, 165)).all()  # half way to white, to the even one
        assert (digit[:, 11:-11] == 255).all()

    def test_longest_caption_fits(self):
        gray = np.ones([140, 140], np.float32)
        frame = film_frames.votes(gray, logits_of(np.full([140, 140], 8)), 2000)
        step = film_parts.text("step 2000", 14)
        words = film_parts.text("8: 19600 of 19600 cells agree", 14)
        assert step.shape[1] + 16 < frame.shape[1] - 16 - words.shape[1]
        assert frame.shape == (8 + 280 + 8 + 18 + 8 + 90 + 8, 336, 3)

    @pytest.mark.parametrize("shape", [(28, 28), (140, 140), (9, 5), (500, 20), (1, 400)])
    def test_size_is_that_of_the_film(self, shape):
        shapes = set()
        for step in (0, 7, 2000):
            gray, state = random_cells(*shape, seed=step)
            shapes.add(film_frames.votes(gray, state[..., 9:], step).shape)
        shapes.add(film_frames.votes(np.zeros(shape, np.float32), state[..., 9:], 0).shape)
        assert len(shapes) == 1


class TestTimeLapse:
    def test_slow_after_the_start_and_each_mutation(self):
        shown = film_frames.time_lapse(30, [12], slow=3, factor=4)
        assert shown == [1, 2, 3, 7, 11, 13, 14, 15, 19, 23, 27, 30]

    def test_article(self):
        shown = film_frames.time_lapse(400, [200])
        assert shown[:51] == [*range(1, 51), 58]
        assert 200 not in shown
        assert shown[-1] == 400
        assert set(range(201, 251)) < set(shown)
        assert [t for t in shown if 50 < t <= 200] == list(range(58, 201, 8))

    @pytest.mark.parametrize(
        ("steps", "mutations", "slow", "factor", "shown"),
        [
            (1, [], 50, 8, [1]),
            (5, [], 50, 8, [1, 2, 3, 4, 5]),
            (5, [2, 3], 1, 9, [1, 3, 4, 5]),
            (6, [], 0, 2, [2, 4, 6]),
        ],
    )
    def test_short_films(self, steps, mutations, slow, factor, shown):
        assert film_frames.time_lapse(steps, mutations, slow, factor) == shown
