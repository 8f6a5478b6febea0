"""Evidence files by API and by page: who may send and save which, what is refused and how, and that none is shown."""

from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from api_world import MISSING, World, city  # noqa: F401 the fixture `world`
from desk import Desk
from visitor import give_password
from werkzeug.datastructures import FileStorage
from werkzeug.test import EnvironBuilder, TestResponse

from sandbox.rules.evidence_files import MOST_BYTES

PDF = b"%PDF-1.7\nsomething"


def multipart(fields: dict[str, Any]) -> tuple[bytes, str]:
    """A body and its content type."""
    builder = EnvironBuilder(method="POST", data=fields)
    environ = builder.get_environ()
    return environ["wsgi.input"].read(), environ["CONTENT_TYPE"]


def file(content: bytes = PDF, name: str = "报告.pdf") -> FileStorage:
    return FileStorage(BytesIO(content), filename=name)


def send(world: World, who: str | None, path: str, headers: dict[str, str] | None = None,
         **fields: Any) -> TestResponse:
    body, kind = multipart({"file": file(), **fields})
    return world.client(who).send("POST", path, body, kind, **(headers or {}))


def test_a_file_is_sent_described_and_saved_as_it_was(world: World):
    path = f"/incidents/{world.hers['incidents']}/files"
    made = send(world, "fang", path, evidence_on="2026-03-04", note="What the camera saw")
    assert made.status_code == 201, made.text
    found = world.client("fang").get(f"/files/{made.get_json()['id']}")
    assert (found["name"], found["kind"], found["size"]) == ("报告.pdf", "pdf", len(PDF))
    assert (found["evidence_on"], found["at"][:10], found["object_kind"]) == ("2026-03-04", "2026-03-12", "incident")
    saved = world.client("lin").send("GET", f"/files/{found['id']}/content")
    assert saved.get_data() == PDF
    assert saved.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{quote('报告.pdf')}" \
        or "attachment" in saved.headers["Content-Disposition"]


def test_what_is_saved_is_never_shown(world: World):
    saved = world.client("fang").send("GET", f"/files/{world.hers['files']}/content")
    assert saved.mimetype == "application/octet-stream"
    assert saved.headers["Content-Disposition"].startswith("attachment")
    assert saved.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in saved.headers["Content-Security-Policy"]
    assert saved.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("noun", ["trials", "incidents", "feedback", "corrections", "corrective-items", "reviews"])
def test_whatever_a_file_is_for_another_firm_s_is_not_there(world: World, noun: str):
    theirs, missing = (send(world, "fang", f"/{noun}/{object_id}/files")
                       for object_id in (world.theirs[noun], MISSING[noun]))
    assert (theirs.status_code, theirs.get_data(), sorted(theirs.headers)) \
        == (404, missing.get_data(), sorted(missing.headers))
    assert send(world, "fang", f"/{noun}/{world.hers[noun]}/files").status_code == 201


@pytest.mark.parametrize("ending", ["", "/content"])
def test_another_firm_s_file_is_missing_byte_for_byte(world: World, ending: str):
    theirs, missing = (world.client("fang").send("GET", f"/files/{one}{ending}")
                       for one in (world.theirs["files"], MISSING["files"]))
    assert (theirs.status_code, theirs.get_data(), sorted(theirs.headers.items())) \
        == (404, missing.get_data(), sorted(missing.headers.items()))


@pytest.mark.parametrize(("who", "status"), [(None, 401), ("disabled", 401), ("reads", 403), ("di", 403), ("rui", 201),
                                             ("lin", 201), ("gao", 404), ("mei", 404), ("ada", 404)])
def test_who_may_send_a_file(world: World, who: str | None, status: int):
    assert send(world, who, f"/trials/{world.hers['trials']}/files").status_code == status


@pytest.mark.parametrize("who", ["gao", "di"])
def test_whoever_may_not_learns_nothing_of_the_body(world: World, who: str):
    path = f"/trials/{world.hers['trials']}/files"
    assert world.client(who).send("POST", path, b"rubbish", "text/plain").get_data() \
        == send(world, who, path).get_data()


@pytest.mark.parametrize(("sent", "code"), [
    (file(b"MZ\x90\0", "a.pdf"), "file_content"), (file(PDF, "a.exe"), "file_kind"), (file(b""), "file_empty"),
    (file(PDF, "a.exe.pdf"), "file_two_endings"), (file(PDF, "a\u202efdp.pdf"), "file_name_hidden"),
    (file(PDF, "证" * 151 + ".pdf"), "file_name_long"), (file(b"a" * (MOST_BYTES + 1), "a.txt"), "file_large"),
])
def test_a_file_that_is_not_taken_is_named_with_the_reason(world: World, sent: FileStorage, code: str):
    before = world.kept()
    refused = send(world, "fang", f"/trials/{world.hers['trials']}/files", file=sent)
    assert refused.status_code == 422, refused.text
    assert [(one["field"], one["code"]) for one in refused.get_json()["errors"]] == [("file", code)]
    assert world.kept() == before


def test_far_too_much_is_refused_before_it_is_looked_at(world: World):
    refused = send(world, "fang", f"/trials/{world.hers['trials']}/files", file=file(b"a" * 25 * 1024 * 1024, "a.txt"))
    assert (refused.status_code, refused.get_json()["errors"][0]["field"]) == (413, "file")


@pytest.mark.parametrize(("fields", "status", "field"), [
    ({"file": "", "more": file()}, 400, "file"), ({"more": file()}, 400, "file"),
    ({"evidence_on": "2027-01-01"}, 422, "evidence_on"),
    ({"evidence_on": "soon"}, 422, "evidence_on"), ({"other": "x"}, 422, "other"),
])
def test_a_form_that_is_wrong_is_told_field_by_field(world: World, fields: dict[str, Any], status: int, field: str):
    refused = send(world, "fang", f"/trials/{world.hers['trials']}/files", **fields)
    assert (refused.status_code, refused.get_json()["errors"][0]["field"]) == (status, field), refused.text


def test_the_same_key_is_one_file_and_another_file_under_it_is_refused(world: World):
    path, key = f"/trials/{world.hers['trials']}/files", {"Idempotency_Key": "one key"}
    first, again = (send(world, "fang", path, key).get_json() for _ in range(2))
    assert first == again
    assert send(world, "fang", path, key, file=file(PDF + b"!")).status_code == 422


def test_a_dry_run_says_what_would_be_kept_and_keeps_nothing(world: World):
    before = world.kept()
    told = send(world, "fang", f"/trials/{world.hers['trials']}/files?dry_run=1")
    assert told.status_code == 200 and told.get_json()["sha256"]
    assert world.kept() == before


def test_a_section_takes_files_and_one_that_does_not_exist_is_not_there(world: World):
    trial = world.hers["trials"]
    made = send(world, "fang", f"/trials/{trial}/sections/results/files").get_json()
    assert world.client("fang").get(f"/trials/{trial}/files?object_id=results")["items"][0]["id"] == made["id"]
    assert send(world, "fang", f"/trials/{trial}/sections/nothing/files").status_code == 404


def test_an_incident_tells_of_its_files_in_its_history(world: World):
    whole = world.client("fang").get(f"/incidents/{world.hers['incidents']}")
    assert whole["files"] and {one["what"] for one in whole["history"]} >= {"filed", "file"}


# By page


@pytest.fixture
def desk(world: World) -> Desk:
    """Fang's browser."""
    browser = Desk(world.app)
    assert browser.sign_in(give_password(world.program, world.cast.fang)).status_code == 302
    return browser


def test_a_file_is_sent_by_a_form_and_saved_from_its_page(world: World, desk: Desk):
    trial, incident = world.hers["trials"], world.hers["incidents"]
    form = f"/trials/{trial}/files/new?of=incident&object={incident}"
    given = {"file": file(name="seen.pdf"), "evidence_on": "2026-03-03"}
    sent = desk.send(form, given, to=f"/trials/{trial}/files/new")
    assert (sent.status_code, sent.headers["Location"]) == (303, f"/incidents/{incident}")
    assert "seen.pdf" in desk.get(f"/incidents/{incident}").text
    found = next(one["id"] for one in world.client("fang").get(f"/trials/{trial}/files")["items"]
                 if one["name"] == "seen.pdf")
    assert "seen.pdf" in desk.get(f"/files/{found}").text
    saved = desk.get(f"/files/{found}/content")
    assert saved.get_data() == PDF and saved.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in saved.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("of", "noun"), [("feedback", "feedback"), ("correction", "corrections"),
                                          ("corrective_item", "corrective-items"), ("section", "results"),
                                          ("trial", "trials")])
def test_evidence_stands_on_the_page_of_what_it_is_for(world: World, desk: Desk, of: str, noun: str):
    trial = world.hers["trials"]
    about = world.hers.get(noun, noun)
    homes = {"section": f"/trials/{trial}/sections/{about}", "trial": f"/trials/{trial}/files"}
    home = homes.get(of, f"/{noun}/{about}")
    name = f"for {of}.pdf"
    sent = desk.send(f"/trials/{trial}/files/new?of={of}&object={about}", {"file": file(name=name)})
    assert (sent.status_code, sent.location) == (303, home)
    assert name in desk.get(home).text


def test_a_form_without_a_file_or_with_a_wrong_one_is_shown_again_with_the_reason(world: World, desk: Desk):
    path = f"/trials/{world.hers['trials']}/files/new"
    for sent in ({}, {"file": file(b"MZ", "a.pdf")}):
        shown = desk.send(path, sent)
        assert shown.status_code == 422 and 'id="f-file-e"' in shown.text


def test_another_firm_s_file_has_no_page(world: World, desk: Desk):
    assert [desk.get(f"/files/{world.theirs['files']}{end}").status_code for end in ("", "/content")] == [404, 404]
