"""Chromium without a window, and what it did: its console, and the hosts that it asked."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fix_gateway import wait_until
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

REQUESTS = ("Network.requestWillBeSent", "Network.webSocketCreated")
WEB_SCHEMES = ("http", "https", "ws", "wss")
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # a sandbox refuses root, whom containers run as
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)


class Browser:
    """One tab."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        self.driver.get(url)

    def text(self, selector: str) -> str:
        """The text of the first element; empty when there is none."""
        found = self.driver.execute_script("return document.querySelector(arguments[0])?.innerText", selector)
        return (found or "").strip()

    def fill(self, selector: str, text: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, selector).send_keys(text)

    def click(self, selector: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def wait_text(self, selector: str, holds: Callable[[str], object]) -> str:
        """The text of an element, once it is as it has to be."""
        wait_until(lambda: holds(self.text(selector)))
        return self.text(selector)

    def console(self) -> list[str]:
        """What the console shows of errors and warnings since the last look."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def addresses(self) -> list[str]:
        """Every address that the tab asked since the last look, as `host:port/path`, without its query."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [each["params"] for each in messages if each["method"] in REQUESTS]
        parts = [urlsplit(each["url"] if "url" in each else each["request"]["url"]) for each in asked]
        return [each.netloc + each.path for each in parts if each.scheme in WEB_SCHEMES]


@contextmanager
def opened_browser(profile: Path, *arguments: str) -> Iterator[Browser]:
    """A browser with a profile of its own."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}", *arguments):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "WARNING", "performance": "ALL"})
    driver = Chrome(options, Service(shutil.which("chromedriver") or "chromedriver"))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser that has asked nothing yet."""
    with opened_browser(tmp_path / "profile", "--window-size=1440,900") as opened:
        yield opened
