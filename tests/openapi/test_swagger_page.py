"""The page in a real browser: it shows the operations, makes a call, and asks nobody else for anything."""

import json
import shutil
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

WAIT_S = 60
ORDER = "#operations-order-order"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    assert all(programs.values()), f"`make programs` installs what is missing: {programs}"
    options = webdriver.ChromeOptions()
    options.binary_location = programs["chromium"]
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", f"user-data-dir={profile}"):
        options.add_argument(f"--{argument}")
    options.add_argument("--window-size=1300,1600")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs["chromedriver"]))
    yield driver
    driver.quit()


def shown(browser, selector, count=1):
    """The elements of a CSS selector, once there are so many."""
    return WebDriverWait(browser, WAIT_S).until(
        lambda driver: len(found := driver.find_elements(By.CSS_SELECTOR, selector)) >= count and found
    )


def click(browser, selector):
    (element, *_) = shown(browser, selector)
    browser.execute_script("arguments[0].scrollIntoView(); arguments[0].click()", element)


def asked(browser):
    """The addresses that the page asked for."""
    events = (json.loads(line["message"])["message"] for line in browser.get_log("performance"))
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]


def test_the_page_shows_every_operation_and_makes_a_call_with_nothing_from_elsewhere(
    browser, documented_gateway
):
    origin = f"http://127.0.0.1:{documented_gateway.port}"
    document = documented_gateway.get("/openapi.json")
    operations = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    browser.get(f"{origin}/docs")
    blocks = shown(browser, ".opblock", len(operations))
    told = {
        (
            block.find_element(By.CSS_SELECTOR, ".opblock-summary-method").text,
            block.find_element(By.CSS_SELECTOR, ".opblock-summary-path").get_attribute("data-path"),
        )
        for block in blocks
    }
    assert told == operations
    about = shown(browser, ".info")[0].text
    assert "In force here is trd_env_numbering: documented" in about

    click(browser, f"{ORDER} .opblock-summary-control")
    click(browser, f"{ORDER} .try-out__btn")
    click(browser, f"{ORDER} button.execute")
    answer = shown(browser, f"{ORDER} .live-responses-table .response")[0].text
    assert answer.startswith("200")
    assert '"dry_run": true' in answer
    assert '"acc_id": "987654"' in answer

    addresses = asked(browser)
    assert f"{origin}/api/order?int64=string" in addresses
    own_pages = ("data", "chrome")  # pictures within the stylesheet, and the browser's empty tab
    fetched = [address for address in map(urlsplit, addresses) if address.scheme not in own_pages]
    assert {f"{address.scheme}://{address.netloc}" for address in fetched} == {origin}
    assert [line["message"] for line in browser.get_log("browser")] == []
