"""Pieces of masks, compared with pieces found by hand."""

import numpy as np
import pytest

from selforg_mnist.data import pieces
from selforg_mnist.data.pieces import Piece


def mask_of(*rows):
    return np.array([[character != "." for character in row] for row in rows])


def test_pieces_are_numbered_and_hang_together_at_corners():
    numbers = pieces.label(mask_of("##..#", "..#..", ".....", "#...#"))
    assert numbers.tolist() == [[1, 1, 0, 0, 2], [0, 0, 1, 0, 0], [0] * 5, [3, 0, 0, 0, 4]]


def test_a_piece_does_not_reach_round_the_edge():
    assert pieces.label(mask_of("..#", "#..")).max() == 2


def test_a_long_winding_line_is_one_piece():
    snake = np.zeros((101, 101), bool)
    snake[::4] = True
    for row in range(0, 100, 4):  # each joined to the next at one end
        snake[row : row + 4, 100 if row % 8 else 0] = True
    assert pieces.label(snake).max() == 1
    snake[48, 50] = False
    assert pieces.label(snake).max() == 2


def test_nothing_has_no_pieces():
    empty = np.zeros((4, 5), bool)
    assert not pieces.label(empty).any()
    assert not pieces.grouped(empty, 0.2).any()
    assert pieces.boxes(pieces.grouped(empty, 0.2)) == []


def test_boxes_and_extents():
    numbers = np.zeros((6, 9), int)
    numbers[1:3, 2:7] = 1
    numbers[5, 8] = numbers[2, 8] = 2
    found = pieces.boxes(numbers)
    assert found == [Piece(2, 1, 7, 3), Piece(8, 2, 9, 6)]
    assert [piece.extent for piece in found] == [5, 4]


@pytest.mark.parametrize(("space", "groups"), [(1, 1), (4, 1), (6, 2), (20, 2)])
@pytest.mark.parametrize("turned", [False, True])
def test_near_pieces_are_grouped(space, groups, turned):
    # The larger one is 50 long, so that a gap of a tenth is 5 pixels.
    mask = np.zeros((60, 60), bool)
    mask[5:55, 10:20] = mask[10:40, 20 + space : 24 + space] = True
    numbers = pieces.grouped(mask.T if turned else mask, 0.1)
    assert len(pieces.boxes(numbers)) == groups
    assert np.array_equal(numbers > 0, mask.T if turned else mask)


def test_thin_lines_of_large_pictures_are_not_lost():
    mask = np.zeros((1000, 777), bool)
    mask[100:900, 5] = mask[100:900, 700] = True
    first, second = sorted(pieces.boxes(pieces.grouped(mask, 0.1)))
    assert first == Piece(5, 100, 6, 900)
    assert second == Piece(700, 100, 701, 900)
