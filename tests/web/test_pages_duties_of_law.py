"""Consent taken back, the sandbox's yearly reports and new law, on pages in three languages."""

import re
from datetime import timedelta

from cast import START, Cast, adopt, report_owed
from desk import desks
from visitor import text_of

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.words import LOCALES


def test_a_withdrawal_is_recorded_and_its_deletion_confirmed_on_pages(program: Program, cast: Cast, clock: Shifted):
    trial, = adopt(program, cast, 1)
    clock.forward(START + timedelta(hours=3))
    at, path = desks(program), f"/trials/{trial}/withdrawals"
    assert path in at(cast.fang).get(f"/trials/{trial}/incidents").text
    assert "Nobody has withdrawn" in at(cast.fang).get(f"{path}?lang=en").text
    wrong = at(cast.fang).send(f"{path}/new?lang=en", {"people": "0", "withdrawn_at": "2026-03-02T10:00"})
    assert wrong.status_code == 422
    assert at(cast.fang).send(f"{path}/new", {"people": "2", "withdrawn_at": "2026-03-02T10:00",
                                              "reference": "Ticket 7"}).location == path
    found = re.search(r"/withdrawals/wd_\w+/deletion", at(cast.fang).get(path).text)
    assert found is not None
    assert at(cast.gao).get(path).status_code == at(cast.gao).get(found[0]).status_code == 404
    for locale in LOCALES:
        for one in (path, f"{path}/new", found[0]):
            assert at(cast.fang).get(f"{one}?lang={locale}").status_code == 200
    clocks = re.findall(r"/clocks/ck_\w+", at(cast.fang).get("/?lang=en").text)
    assert clocks and path in at(cast.fang).get(clocks[0]).text, "its limit leads to it"
    assert at(cast.fang).send(found[0], {"deletion": "Recordings"}).location == path
    page = text_of(at(cast.lin).get(f"{path}?lang=en").text)
    assert "Deleted 2 Mar 12:00, 2 hours after the withdrawal Recordings" in page and "Ticket 7" in page


def test_a_yearly_report_is_filed_from_the_list_of_limits(program: Program, cast: Cast):
    report = report_owed(program)
    at = desks(program)
    assert "/annual-reports" in at(cast.lin).get("/clocks").text
    assert "/annual-reports" not in at(cast.fang).get("/clocks").text
    assert at(cast.fang).get("/annual-reports").status_code == 403
    for locale in LOCALES:
        for one in ("/annual-reports", f"/annual-reports/{report}/filing", "/"):
            assert at(cast.lin).get(f"{one}?lang={locale}").status_code == 200
    assert f"/annual-reports/{report}/filing" in at(cast.lin).get("/").text
    sent = at(cast.lin).send(f"/annual-reports/{report}/filing", {"summary": "Fifteen trials", "reference": "2026-9"})
    assert sent.location == "/annual-reports"
    assert "2026-9" in at(cast.lin).get("/annual-reports").text
    assert f"/annual-reports/{report}/filing" not in at(cast.lin).get("/").text


def test_guidance_is_recorded_on_a_page_and_read_by_everyone(program: Program, cast: Cast):
    trial, = adopt(program, cast, 1)
    at = desks(program)
    for locale in LOCALES:
        for path in ("/guidance", "/guidance/new"):
            assert at(cast.lin).get(f"{path}?lang={locale}").status_code == 200
    assert at(cast.fang).get("/guidance/new").status_code == 403
    assert "/guidance" in at(cast.fang).get("/reviews").text
    assert at(cast.lin).send("/guidance/new", {"title": "Law on labels"}).status_code == 422
    sent = at(cast.lin).send("/guidance/new", {"title": "Law on labels", "summary": "Answers are labelled",
                                               "templates": ["public_answers", "office_tool"]})
    assert sent.location == "/guidance"
    page = text_of(at(cast.fang).get("/guidance?lang=en").text)
    assert "Law on labels" in page and "Public-service answers and Internal office tool" in page
    assert "0 trials are reviewed" in page
    review = program.acts.do("call_review", cast.lin, {"reason": "A look"}, trial).id
    assert "Law on labels" not in at(cast.lin).get(f"/reviews/{review}").text
