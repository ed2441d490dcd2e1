"""`make pictures`: screens, and the pages of `report` and `analyze`, as pictures for the docs.

Screens and report are of a profile that ships with the repository; the analyzed runs are real
ones of the same job, made now in a temporary instance, or those of an instance that is named. Needs
Chromium and Pillow. `python bench/pictures.py screen FILE NAME COLUMNS` draws what a terminal
showed: `before` is of commit fa8088d.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, execute_job, reconstructable
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from advisor.examples.seed_chunks import seed_job

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "pictures"
PROFILES = ROOT / "profiles"
TARGET = "advisor.examples.seed_chunks:seed_job"
HEIGHTS = {1280: 2500, 390: 3200}
"""How much of a page is shown, by its width."""
SCHEMES = ("light", "dark")
COLORS = 256
SCREENS = (80, 140)
"""Columns of the terminals."""
WAYS: tuple[dict[str, Any], ...] = (
    {"max_concurrent": 2},
    {"max_concurrent": 2},
    {"max_concurrent": 4, "start_method": {"forkserver": {}}},
    {"max_concurrent": 2},
)


def dynadvise(*arguments: str) -> None:
    """Run the command in the current folder."""
    command = Path(sys.executable).with_name("dynadvise")
    subprocess.run([command, *arguments], check=True, stdout=sys.stderr)


def run_the_job(home: Path) -> None:
    """Real runs, in each of :data:`WAYS`."""
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    with DagsterInstance.from_config(str(home)) as instance:
        for way in WAYS:
            config = {"execution": {"config": {"multiprocess": way}}}
            job = reconstructable(seed_job)
            with execute_job(job, instance=instance, run_config=config) as result:
                if not result.success:
                    raise SystemExit("A run failed.")


def take(browser: Browser, page_file: Path) -> None:
    """A page in each width and in light and dark."""
    for (width, height), scheme in product(HEIGHTS.items(), SCHEMES):
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(page_file.as_uri())
        page.wait_for_selector("body[data-drawn]")
        picture = FOLDER / f"{page_file.stem}-{width}-{scheme}.png"
        page.screenshot(path=picture)
        with Image.open(picture) as taken:
            small = taken.convert("RGB").quantize(
                COLORS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
            )
        small.save(picture, optimize=True)
        say(picture)
        context.close()


def say(picture: Path) -> None:
    """The picture's name and size."""
    sys.stdout.write(f"{picture.relative_to(ROOT)}: {picture.stat().st_size / 1000:.0f} kB\n")


def draw_screen(shown: str, columns: int, name: str) -> None:
    """What a terminal showed, with its colours, as a picture that loads no font."""
    console = Console(record=True, width=columns, file=io.StringIO())
    console.print(Text.from_ansi(shown), soft_wrap=True)
    plain = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    picture = FOLDER / f"screen-{name}-{columns}.svg"
    title = f"{columns} columns"
    picture.write_text(console.export_svg(title=title, code_format=plain), encoding="utf-8")
    say(picture)


def draw_screens() -> None:
    """Today's answer at each width."""
    for columns in SCREENS:
        command = [str(Path(sys.executable).with_name("dynadvise")), "recommend", TARGET]
        command += ["--profiles", str(PROFILES), "--color", "always"]
        env = {**os.environ, "COLUMNS": str(columns)}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env)
        draw_screen(done.stdout, columns, "after")


def main() -> None:
    """Make the screens, both pages and their pictures."""
    if sys.argv[1:2] == ["screen"]:
        file, name, columns = sys.argv[2:]
        draw_screen(Path(file).read_text(encoding="utf-8"), int(columns), name)
        return
    draw_screens()
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("No Chromium on this machine.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # so that the pages show short paths
        dynadvise("report", TARGET, "--profiles", str(PROFILES), "-o", "report.html")
        home = Path(folder) / "dagster_home"
        if sys.argv[1:]:
            home.symlink_to(sys.argv[1], target_is_directory=True)
        else:
            run_the_job(home)
        arguments = ("--instance", "dagster_home", "--job", "seed_job", "--profiles", str(PROFILES))
        dynadvise("analyze", *arguments, "-o", "analyze.html")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            for name in ("report", "analyze"):
                take(browser, Path(folder) / f"{name}.html")
            browser.close()


if __name__ == "__main__":
    main()
