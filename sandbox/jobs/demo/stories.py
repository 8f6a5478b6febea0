"""How the city's trials went: one story per life, in the steps of `walks`. Each ends where its trial stands today."""

from datetime import datetime, timedelta
from typing import Any

from sandbox.jobs.demo.bodies import body
from sandbox.jobs.demo.people import BODY_OF
from sandbox.jobs.demo.walks import USUAL, Habit, Story, Walk
from sandbox.rules.drift import BINS

LONG = 400
"""Days: until the demo's today."""
DOUBLED = Habit(events={"override": 9.0})
"""An interface that reports overrides many times over: evidence far past the red line in one period."""
COMPLAINED = Habit(events={"complaint": 1.6})
"""Complaints well over what was agreed: evidence grows by a little every week."""
WHILE_IT_WAITS = 47
"""Days after which what is asked for still waits on the demo's today."""
SILENT = Habit(reports=False)
UNREVIEWED = Habit(reviews=False)
UNTESTED = Habit(tests=False)
BUSY = Habit(pace=0.88)
CAUTIOUS = Habit(pace=0.2)


# Before admission


def drafted(walk: Walk) -> Story:
    """A draft, complete but not submitted."""
    yield from walk.applied()


def abandoned(walk: Walk) -> Story:
    """Withdrawn by the firm while it was a draft."""
    yield from walk.applied()
    yield walk.morning(3)
    walk.move("withdraw", walk.firm, "市场方向调整，暂不申报。（演示）")


def waiting_for_acceptance(walk: Walk) -> Story:
    """Submitted; the acceptance clock runs."""
    yield from walk.submitted()


def resubmitted(walk: Walk) -> Story:
    """Sent back once, corrected and submitted again."""
    yield from in_correction(walk)
    yield walk.morning(6)
    walk.file("risks")
    walk.move("submit", walk.firm)


def in_correction(walk: Walk) -> Story:
    """Sent back with one list of what is missing."""
    yield from walk.submitted()
    yield walk.morning(3)
    walk.returned()


def at_ethics_review(walk: Walk) -> Story:
    """Accepted; the panel is seated and has not voted."""
    yield from walk.accepted()
    yield walk.morning()
    yield from walk.seated("review", walk.members)


def waiting_for_the_second(walk: Walk) -> Story:
    """The panel is in favour and one regulator proposed to admit: the other has to say so too."""
    yield from walk.judged()
    yield walk.morning()
    walk.move("admit", reason="评审组三分之二以上赞成，不在清单之列。（演示）")


def at_rereview(walk: Walk) -> Story:
    """On a list: the first panel was in favour, the independent one has begun to vote."""
    yield from walk.accepted()
    yield walk.morning()
    yield from walk.reviewed()
    yield walk.morning()
    walk.move("send_to_rereview")
    yield from walk.seated("rereview", walk.independent)
    walk.vote("rereview", walk.independent[0])


def admitted(walk: Walk) -> Story:
    """Admitted, not started."""
    yield from walk.admitted()


def preparing(walk: Walk) -> Story:
    """Admitted; everything for the start is there."""
    yield from walk.admitted()
    yield walk.morning(2)
    yield from walk.prepared()


def declined(walk: Walk) -> Story:
    """Not admitted."""
    yield from walk.submitted()
    yield walk.morning(4)
    walk.declined()


def reopened(walk: Walk) -> Story:
    """Not admitted, then reopened on appeal: other people review it now."""
    yield from walk.accepted()
    yield walk.morning(4)
    walk.declined()
    yield walk.morning(12)
    yield from walk.appealed("review")
    walk.vote("ethics", walk.members[0])


def revoked(walk: Walk) -> Story:
    """Admitted, and the admission revoked by two regulators."""
    yield from walk.admitted()
    yield walk.morning(9)
    walk.file("reasons", "regulator", basis="law_changed",
              reasons="上位规定已明确此类用途不得在学校内试用，准入条件不复存在，予以撤回。")
    walk.by_two("revoke_admission")


# Running


def busy_days(walk: Walk) -> Story:
    """Running, with the small things that happen: a near miss, a complaint answered, a mild incident closed; and with a
    plan that was adjusted twice and is asked to be adjusted again."""
    yield from walk.started()
    yield from walk.runs(20)
    walk.incident(kind="near_miss", text="夜间识别遗漏一次，巡查员当场发现。（演示）")
    yield from walk.runs(15)
    complaint = walk.incident(kind="complaint", text="市民反映提示音过大。（演示）")
    yield from walk.runs(4)
    walk.settle(complaint["id"])
    told = walk.incident("S4", text="误报一次，已改判并告知。（演示）")
    yield from walk.runs(6)
    walk.settle(told["id"])
    yield from narrowed_and_widened(walk)
    yield from walk.runs(45)
    lost = walk.incident("S3", text="两天日志缺失，原因待查。（演示）")
    walk.put_right(lost["id"], "补齐缺失两天的日志并说明原因。（演示）", 14, done=True)
    walk.put_right(lost["id"], "为日志中断增加告警，并演练一次。（演示）", 365)
    yield from walk.runs(WHILE_IT_WAITS)
    walk.act("file_change", walk.firm, kind="A5", body={
        "model_version": "1.5.0", "regression": "回归集 1,200 例全部通过，改判率由 7.0% 降至 6.2%。（演示）",
        "regression_passed": True, "reason": "新版本减少了逆光画面的误报。（演示）"})
    yield from walk.runs(LONG)


def narrowed_and_widened(walk: Walk) -> Story:
    """Fewer sites at once; then more people, once the panel is in favour and two regulators agree."""
    walk.act("file_change", walk.firm, kind="A2", body={
        "sites": "示例一站、示例二站、示例三站", "reason": "示例四站设备检修，暂不使用。（演示）"})
    yield walk.morning(2)
    asked = walk.act("file_change", walk.firm, kind="A4", body={
        "people": 1000, "reason": "三站周边居民希望加入，前期运行平稳。（演示）"})
    yield walk.morning(3)
    walk.attend()
    proposed = walk.act("decide_change", "regulator", asked["id"], accept=True,
                        reason="评审组同意；保障措施近期测试有效。（演示）")
    yield walk.morning()
    walk.act("vote_on_decision", "regulator2", proposed["decision"], value="for")
    walk.file("filings")
    walk.attend()


def overdue_review(walk: Walk) -> Story:
    """A review is open and its reviewers have not answered."""
    yield from running(walk, UNREVIEWED)


def running(walk: Walk, habit: Habit = USUAL) -> Story:
    """Admitted, started, and running to this day."""
    yield from walk.started()
    yield from walk.runs(LONG, habit)


def near_a_cap(walk: Walk) -> Story:
    """Used faster than planned: yellow at four fifths of the cap, and sparing since."""
    yield from walk.started()
    yield from walk.runs(LONG, BUSY, until_light="yellow")
    yield from walk.runs(LONG, CAUTIOUS)


def complained_of(walk: Walk) -> Story:
    """Complaints rose for some weeks: the light turned yellow."""
    yield from walk.started()
    yield from walk.runs(20)
    yield from walk.runs(LONG, COMPLAINED, until_light="yellow")
    yield from walk.runs(LONG, UNREVIEWED)


def late_with_a_report(walk: Walk) -> Story:
    """A good month, then a report that has not come: yellow after a day."""
    yield from walk.started()
    yield from walk.runs(20)
    yield from walk.runs(LONG, SILENT)


def cleared(walk: Walk) -> Story:
    """A yellow light that a reviewer looked at and cleared; then quiet."""
    yield from walk.started()
    yield from walk.runs(20)
    told = walk.incident("S3", text="同一时段三例建议失当，均已改判，无人受损。（演示）")
    yield from walk.runs(5)
    walk.settle(told["id"])
    yield from walk.runs(LONG, COMPLAINED, until_light="yellow")
    yield walk.morning(2)
    walk.act("clear_yellow", walk.members[0], reason="投诉集中在一次系统升级当日，已整改，可继续。（演示）")
    yield from walk.runs(LONG, Habit(events={"complaint": 0.1}))


def falsely_red(walk: Walk) -> Story:
    """Red on figures reported twelve times over: corrected, void, and the days given back."""
    yield from walk.started()
    yield from walk.runs(25)
    yield from walk.runs(LONG, DOUBLED)
    yield from walk.voided()
    walk.goes_on()
    yield from walk.runs(LONG)


def paused_once(walk: Walk) -> Story:
    """A voluntary pause of a week, then on."""
    yield from walk.started()
    yield from walk.runs(30)
    walk.move("suspend", walk.firm, "站点装修，主动暂停一周。（演示）")
    yield walk.morning(7)
    walk.move("lift_suspension")
    walk.goes_on()
    yield from walk.runs(LONG)


def tuned(walk: Walk) -> Story:
    """A corrective plan, less exposure, its items closed in time, to this day."""
    yield from walk.started()
    yield from walk.runs(40)
    walk.tune()
    yield from walk.runs(8)
    walk.corrected()
    yield from walk.runs(LONG)


def tuned_and_resumed(walk: Walk) -> Story:
    """Tuned, the items closed, and back to full exposure."""
    yield from walk.started()
    yield from walk.runs(40)
    walk.tune()
    yield from walk.runs(9)
    yield from walk.resumed()
    yield from walk.runs(LONG)


def tuned_after_harm(walk: Walk) -> Story:
    """A grave incident, stopped in the same act; a retrospective, then tuning."""
    yield from harmed(walk)
    yield from walk.retrospected()
    yield walk.morning(2)
    walk.file("corrective_plan")
    walk.by_two("begin_tuning")
    walk.goes_on()
    yield from walk.runs(LONG, CAUTIOUS)


# Stopped


def red(walk: Walk) -> Story:
    """The light turned red: the statistics stopped it."""
    yield from walk.started()
    yield from walk.runs(25)
    yield from walk.runs(LONG, Habit(events={"override": 3.0}))


def red_and_lifted(walk: Walk) -> Story:
    """Red, its cause found and put right, and on in a new epoch."""
    yield from red(walk)
    yield from walk.lifted()
    yield from walk.runs(LONG)


def harmed(walk: Walk) -> Story:
    """An S1 incident: stopped in the act that told of it."""
    yield from walk.started()
    yield from walk.runs(25)
    told = walk.incident("S1", harms=("infrastructure",),
                         text="误动作致关键设施停运四小时，无人伤亡，原因待查。（演示）")
    yield walk.after(hours=6)
    walk.settle(told["id"], "mitigated", walk.firm)
    walk.report_in_full(told["id"])


def in_retrospective(walk: Walk) -> Story:
    """An S1 incident, and the retrospective that must follow."""
    yield from harmed(walk)
    yield from walk.mitigated()
    walk.move("open_retrospective")


def silent(walk: Walk) -> Story:
    """Two reports in a row did not come: stopped by the clock."""
    yield from walk.started()
    yield from walk.runs(20)
    yield from walk.runs(LONG, SILENT)


def unreviewed(walk: Walk) -> Story:
    """Nobody held the review: stopped, and never a mark on the firm."""
    yield from running(walk, UNREVIEWED)


def untested(walk: Walk) -> Story:
    """The kill switch was not tested for 38 days."""
    yield from running(walk, UNTESTED)


def past_its_end(walk: Walk) -> Story:
    """The end date came without the measurements: stopped until they are there."""
    yield from running(walk)


def over_its_cap(walk: Walk) -> Story:
    """More uses than agreed in one period: stopped in the same act."""
    yield from walk.started()
    yield from walk.runs(40, BUSY)
    cap = walk.hand.trial(walk.trial)["cap_volume"]
    yield walk.due + timedelta(hours=9)
    walk.report(exposures=float(cap))


def paused(walk: Walk) -> Story:
    """Paused by the firm itself."""
    yield from walk.started()
    yield from walk.runs(35)
    walk.move("suspend", walk.firm, "供应商更换传感器，主动暂停。（演示）")


def held_by_the_chair(walk: Walk) -> Story:
    """The panel's chair holds it until a regulator decides."""
    yield from walk.started()
    yield from walk.runs(30)
    walk.move("suspend", walk.members[0], "抽查发现未告知即使用，请先停下核实。（演示）")


# Ending


def at_exit_review(walk: Walk, days: int = 90) -> Story:
    """Measured, and under evaluation."""
    yield from walk.started()
    yield from walk.runs(days)
    yield from walk.evaluated()


def partly_scored(walk: Walk) -> Story:
    """Under evaluation; two of three sides have scored."""
    yield from at_exit_review(walk)
    for who in walk.members[:2]:
        yield walk.after(hours=20)
        walk.file("score", who)


def ended_by_the_clock(walk: Walk) -> Story:
    """Its results were in when the end date came: the clock opened the evaluation."""
    yield from walk.started()
    yield from walk.runs(walk.days - 5)
    walk.file("results")
    yield from walk.runs(LONG)


def standardised(walk: Walk) -> Story:
    """Evaluated above the line: graduated with a norm."""
    yield from at_exit_review(walk)
    yield from walk.scored()
    yield walk.morning()
    walk.by_two("standardise")


def completed(walk: Walk) -> Story:
    """An ordinary good ending without a norm."""
    yield from at_exit_review(walk)
    yield from walk.scored(exit_trl=6, new_route=5)
    yield from walk.wound_down("未达标准化线，按期结项。（演示）", "regulator")
    yield walk.morning()
    walk.by_two("complete")


def failed(walk: Walk) -> Story:
    """It did not work, honestly told: failure on record, no fault."""
    yield from walk.started()
    yield from walk.runs(45)
    yield from walk.wound_down("夜间识别率达不到通过线。（演示）")
    yield from walk.found_diligent()
    yield walk.morning()
    walk.by_two("file_failure")


def left(walk: Walk) -> Story:
    """Left by the firm after some weeks."""
    yield from walk.started()
    yield from walk.runs(35)
    yield from walk.wound_down("公司业务调整，主动退出。（演示）")
    walk.move("close_withdrawn")


def winding_down(walk: Walk) -> Story:
    """On its way out."""
    yield from walk.started()
    yield from walk.runs(50)
    walk.move("wind_down", walk.firm, "合作站点到期，有序退出。（演示）")


def terminated(walk: Walk) -> Story:
    """Stopped by the regulator for a breach, and terminated."""
    yield from walk.started()
    yield from walk.runs(25)
    walk.move("suspend", "regulator", "超出约定区域使用，经提醒未停止。（演示）")
    yield walk.morning(3)
    walk.hold_reviews("exit")
    yield from walk.wound_down("责令终止程序。（演示）", "regulator")
    walk.file("termination", "regulator")
    yield walk.morning()
    walk.by_two("terminate")


def ended_again(walk: Walk) -> Story:
    """Terminated, and on appeal only the ending is decided again by other people."""
    yield from terminated(walk)
    yield walk.morning(10)
    yield from walk.appealed("running")


# Taken over

MONTH = timedelta(days=30)
BASELINES = [
    {"name": "score", "cut": "模型评分按基准样本的十分位切分。（演示）", "counts": [200] * BINS},
    {"name": "age", "cut": "乘客年龄按基准样本的十分位切分，只在抽查时登记。（演示）", "counts": [200] * BINS},
]


def adopted(walk: Walk) -> Story:
    """A pilot that ran before this program: taken over by two regulators, its past imported as epoch 0."""
    topic, key = walk.topic, "demo-register-07"
    proposed = walk.hand.do("adopt_trial", "regulator", {"trials": [{
        "title": topic.title, "title_hant": topic.title_hant, "title_en": topic.title_en,
        "scenario_id": walk.scenario, "source_key": key,
        "organisation": BODY_OF[walk.firm], "tier": walk.tier, "days": walk.days, "unit": topic.unit,
        "volume": topic.rate_per_day * walk.days * 0.75, "people": topic.people, "rate_per_day": topic.rate_per_day,
        "limits": [*body("plan", walk.today())["limits"],
                   {"indicator": "disparity", "per_exposure": 0.8, "weight": 0.1}],
        "compared": [{"attribute": "年龄", "reference": "其他"}], "baselines": BASELINES, "model_version": "1.4.0",
        "unverified": "接管前六个月的里程由试点单位自报，未逐条核对；伦理审查由示例大学完成，原件已附。",
    }]})
    yield walk.after(hours=4)
    voted = walk.hand.do("vote_on_decision", "regulator2", {"value": "for"}, proposed["decision"])
    walk.trial, began = voted["trials"][key], walk.hand.now()
    walk.watched = {"score": 1.0, "age": 0.02}
    walk.goes_on()
    yield walk.morning()
    walk.act("import_feedback", "regulator", **past(began, key, topic.rate_per_day))
    yield from walk.seated("running", walk.members, chair=True)
    yield from walk.runs(LONG)


def past(until: datetime, key: str, rate: float) -> dict[str, Any]:
    """Six months of a register's lines, one of which has events and no distance."""
    def month(place: int) -> dict[str, Any]:
        start = until - MONTH * (7 - place)
        known = {"exposures": round(rate * 30 * (0.3 + place / 20))} if place != 3 else {}
        return {"period_start": start.isoformat(), "period_end": (start + MONTH).isoformat(),
                "events": {"harm_S4": place % 3, "override": 2 * place}, "source_key": f"{key}-{place}", **known}

    event = {"kind": "event", "indicator": "harm_any", "occurred_at": (until - 2 * MONTH).isoformat(),
             "description": "路口急停，安全员接管。（演示）", "source_key": f"{key}-event-1"}
    return {"reports": [month(place) for place in range(1, 7)], "events": [event]}
