"""The demo city's register: an invented list of algorithm filings, read twice, with a log between and a citation."""

import csv
import io
from collections.abc import Iterable

from sandbox.jobs.demo.people import People
from sandbox.jobs.program import Program
from sandbox.jobs.registers import read_register
from sandbox.reads import registers
from sandbox.rules.intake import Mapping
from sandbox.rules.intake.mapping import read_mapping
from sandbox.store.fields import canonical

HEAD = ("备案编号", "算法名称", "主体名称", "状态", "公布日期")
LIST = (
    ("演备001", "街面清扫路径规划", "演示物流科技有限公司", "使用中", "2025-03"),
    ("演备002", "园区配送调度", "演示智能科技有限公司", "使用中", "2025-03"),
    ("演备003", "影像初读", "演示影像科技有限公司", "试用", "2025-04"),
    ("演备004", "慢病随访提醒", "演示健康科技有限公司", "使用中", "2025-04"),
    ("演备005", "作业批改", "演示教育科技有限公司", "筹备", "2025-05"),
    ("演备006", "窗口叫号预测", "演示市政务服务中心", "使用中", "2025-05"),
    ("演备007", "公交排班", "示例公交集团", "使用中", "2025-06"),
    ("演备008", "管网漏损识别", "示例导航科技", "试用", "2025-06"),
    ("演备009", "法规问答", "演示市政务服务中心", "", "2025-07"),
    ("演备010", "信贷预审", "示例小额贷款公司", "使用中", "2025-07"),
    ("演备011", "旧版导览", "示例文旅集团", "已注销", "2025-02"),
    ("演备012", "客流预测", "", "使用中", "2025-08"),
)
NOW = {"演备003": ("演备003", "影像初读", "演示影像科技有限公司", "使用中", "2025-04"),
       "演备008": ("演备008", "管网漏损识别", "示例导航科技有限公司", "试用", "2025-06")}
"""How these stand in the newer list, which no longer has the one that was struck off."""
GONE = "演备011"
CITED = "演备002"
MAPPING = {
    "name": "demo-filings", "zone": "Asia/Shanghai",
    "register": {"name": "demo-filings", "title": "演示市算法备案清单", "title_hant": "演示市算法備案清單",
                 "title_en": "Algorithm filings of the demo city"},
    "sources": [{"makes": "entries", "columns": {
        "备案编号": "key", "算法名称": "title", "主体名称": "body", "状态": "status", "公布日期": "published"},
        "stages": {"筹备": "early", "试用": "testing", "使用中": "in_use", "已注销": "retired"}}],
}


def read_first(program: Program, people: People) -> None:
    """The list as it stood when the city began."""
    _read(program, people, LIST)


def read_newer(program: Program, people: People, trial: str | None) -> None:
    """The list of today: one in use, one renamed, one struck off; and the firm's trial cites its own filing."""
    _read(program, people, [NOW.get(row[0], row) for row in LIST if row[0] != GONE])
    with program.reading() as connection:
        found = registers.entries(connection, registers.EntryFilter(q=CITED)).items
    if trial is not None:
        program.acts.do("cite_entry", people.actors["firm"], {
            "entry_id": found[0]["id"], "note": "同一系统的备案（示例）"}, trial)


def _read(program: Program, people: People, rows: Iterable[tuple[str, ...]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([HEAD, *rows])
    read_register(program, people.actors["regulator"], mapping(), [("演示备案.csv", out.getvalue().encode())])


def mapping() -> Mapping:
    """What the list's headings mean."""
    return read_mapping(canonical(MAPPING))
