"""Digits on what people write on: ruled and squared paper, frames, sheets on tables, screenshots.

Each function puts a digit's ink, [S, S] in [0, 1], on a page and returns its gray values, [H, W]
float32 in [0, 1].
"""

import numpy as np
from PIL import Image, ImageDraw


def placed(digit, size, share=0.5, at=(0.5, 0.5)):
    """The digit's ink on an empty page, [H, W]; `share` is its box's side in the page's width."""
    width, height = size
    side = round(share * width)
    page = Image.new("F", size, 0.0)
    corner = (round(at[0] * width - side / 2), round(at[1] * height - side / 2))
    page.paste(Image.fromarray(digit.astype(np.float32)).resize((side, side), 3), corner)
    return np.asarray(page).clip(0, 1)


def lines(size, spacing, width, tilt=0.0, squared=False, phase=0.0):
    """Ink of printed lines, [H, W], tilted by degrees."""
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    angle = np.deg2rad(tilt)
    drawn = np.zeros((size[1], size[0]), np.float32)
    for along in (np.cos(angle) * y - np.sin(angle) * x, np.cos(angle) * x + np.sin(angle) * y):
        away = np.abs((along + phase + spacing / 2) % spacing - spacing / 2)
        drawn = np.maximum(drawn, np.clip(width / 2 + 0.5 - away, 0, 1))
        if not squared:
            break
    return drawn


def on_lines(digit, size=(210, 280), spacing=24, width=1.5, dark=0.35, tilt=0.0, squared=False,
             share=0.5, phase=7.0):  # fmt: skip
    """On ruled or squared paper; `dark` is how dark its lines are."""
    printed = dark * lines(size, spacing, width, tilt, squared, phase)
    return 1 - np.maximum(printed, 0.9 * placed(digit, size, share))


def framed(digit, size=(210, 280), inset=4, width=2, dark=0.9, share=0.5, tilt=0.0):
    """In a printed frame, `inset` pixels away from the picture's edge."""
    frame = Image.new("F", size, 0.0)
    box = (inset, inset, size[0] - 1 - inset, size[1] - 1 - inset)
    ImageDraw.Draw(frame).rectangle(box, outline=dark, width=width)
    frame = np.asarray(frame.rotate(tilt, Image.Resampling.BILINEAR))
    return 1 - np.maximum(frame, 0.9 * placed(digit, size, share))


def on_a_table(page, table=0.25, margin=0.12, tilt=0.0):
    """A photograph of a page that lies on a table."""
    height, width = page.shape
    outer = (round(width * (1 + 2 * margin)), round(height * (1 + 2 * margin)))
    photo = Image.new("F", outer, -1.0)
    photo.paste(Image.fromarray(page), ((outer[0] - width) // 2, (outer[1] - height) // 2))
    photo = np.asarray(photo.rotate(tilt, Image.Resampling.BILINEAR, fillcolor=-1.0))
    return np.where(photo < 0, np.float32(table), photo)


def photographed(page, seed=0, shadow=0.0, noise=0.015):
    """Lit from one side, with noise, and with the edge of a shadow that takes away light."""
    rng = np.random.default_rng(seed)
    height, width = page.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    light = 0.85 + 0.12 * (np.cos(angle) * x + np.sin(angle) * y)
    angle = rng.uniform(0, 2 * np.pi)
    edge = np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-0.4, 0.4)
    light *= 1 - shadow * np.clip(edge / 0.08 + 0.5, 0, 1)
    return (light * page + rng.normal(0, noise, page.shape)).clip(0, 1).astype(np.float32)


def drawing_program(digit, size=(500, 400), share=0.3, bars=0.94, dark=False):
    """A screenshot: tool bars with icons around a white canvas."""
    window = Image.new("F", size, 0.25 if dark else bars)
    draw = ImageDraw.Draw(window)
    icon = 0.9 if dark else 0.3
    for i in range(12):
        draw.rectangle((10 + 38 * i, 30, 30 + 38 * i, 50), outline=icon, width=2)
        draw.line((12 + 38 * i, 48, 28 + 38 * i, 32), fill=icon, width=2)
    for i in range(6):
        draw.text((12 + 70 * i, 6), "File Edit", fill=icon)
    draw.rectangle((60, 80, size[0] - 40, size[1] - 40), fill=1.0, outline=0.6)
    ink = 0.95 * placed(digit, size, share, at=(0.5, 0.55))
    return np.minimum(np.asarray(window), 1 - ink)
