"""The figure as files and in a notebook."""

import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

import rlviz

from .conftest import RED, run_of, saved


@pytest.fixture(scope="module")
def pdf(parl):
    return saved(rlviz.figure(parl), "pdf")


@pytest.fixture(scope="module")
def svg(parl):
    return saved(rlviz.figure(parl), "svg")


@pytest.mark.slow
def test_a_pdf_holds_its_fonts_as_truetype(pdf):
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf


@pytest.mark.slow
def test_an_svg_holds_its_letters_as_outlines(svg):
    assert b"<text" not in svg
    assert b"DejaVuSans" in svg


@pytest.mark.slow
def test_a_notebook_shows_the_figure_of_a_run_and_a_figure_itself():
    for shown in (run_of(), rlviz.figure(run_of())):
        assert Image.open(io.BytesIO(shown._repr_png_())).size == (1500, 630)
    assert rlviz.History({"step": np.array([])})._repr_png_() is None


def test_a_png_has_1500_pixels_and_blue_and_red_on_white(parl):
    picture = Image.open(io.BytesIO(saved(rlviz.figure(parl), "png")))
    assert picture.size == (1500, 630)
    pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
    assert (np.abs(pixels - RED).max(axis=1) < 12).mean() > 0.001
    assert (pixels[:, 2] - pixels[:, 0] > 80).mean() > 0.003
    assert (pixels == 255).all(axis=1).mean() > 0.7


def test_an_svg_is_sound_xml(svg):
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(root.findall(".//{http://www.w3.org/2000/svg}use")) >= 2 * 300


def test_a_pdf_is_one(pdf):
    assert pdf.startswith(b"%PDF")
    assert pdf.rstrip().endswith(b"%%EOF")


@pytest.mark.slow
def test_a_vector_file_of_a_long_run_stays_small(history_of):
    steps = 6000
    curve = np.linspace(0.3, 0.6, steps)
    run = history_of(flops=np.arange(1.0, steps + 1), accuracy=curve, parallelism=7 + curve)
    assert len(saved(rlviz.figure(run), "svg")) < 2_000_000


@pytest.mark.slow
def test_the_bytes_of_a_picture_are_as_large_as_was_asked_for():
    figure = rlviz.figure(run_of())  # of 10 x 4.2 inches
    small = figure.png(dpi=50)
    assert Image.open(io.BytesIO(small)).size == (500, 210)
    assert figure.png(dpi=50) == small
