"""One valid body of every section kind, in Chinese, plainly invented; with the dates that rules look at set from a day.

What differs from trial to trial (purpose, caps, tier, names) is changed by name: `body("system", day, purpose=…)`.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

Body = dict[str, Any]


def body(kind: str, day: date, **changed: Any) -> Body:
    """A body of the kind as it would be filed on that day; `changed` replaces fields by name. Plain JSON values."""
    return {**BODIES.get(kind, {}), **(DATED[kind](day) if kind in DATED else {}), **changed}


def _after(day: date, days: int) -> str:
    return (day + timedelta(days=days)).isoformat()


DATED: Mapping[str, Callable[[date], Body]] = MappingProxyType({
    "exposure": lambda day: {"starts_on": _after(day, 30)},
    "ethics_approval": lambda day: {"approved_on": _after(day, -20)},
    "kill_switch": lambda day: {"tested_on": day.isoformat()},
    "notice": lambda day: {"published_on": day.isoformat()},
    "filings": lambda day: {"filings": [
        {"filing": "算法备案", "status": "done", "number": "示例备〔2026〕017 号"},
        {"filing": "生成式人工智能服务备案", "status": "not_required", "reason": "不向公众提供生成内容"},
        {"filing": "安全评估", "status": "due", "due_on": _after(day, 300)},
    ]},
    "corrective_plan": lambda day: {"items": [
        {"item": "补充低照度与老年样本后重新校准阈值", "owner": "示例算法负责人", "due_on": _after(day, 14),
         "acceptance_test": "复测集改判率不高于 8%"},
        {"item": "界面增加“我不同意这条建议”的一步改判", "owner": "示例产品负责人", "due_on": _after(day, 10),
         "acceptance_test": "十名一线人员试用，均能一步完成", "mandatory": False},
    ]},
})
"""Fields that depend on the day, by kind."""

BODIES: Mapping[str, Body] = MappingProxyType({
    "parties": {
        "sponsor_name": "演示智能科技有限公司", "sponsor_code": "91000000DEMO000001",
        "contact": "周示例，000-0000-0001（演示）", "deployer": "演示市示例街道办事处",
        "model_supplier": "演示基础模型有限公司", "third_party_tester": "示例软件测评中心",
    },
    "system": {
        "purpose": "在限定场景内给出建议，由当班人员确认后执行。",
        "out_of_scope": "不作最终决定；不用于未成年人；不用于本场景以外的任何用途。",
        "algorithm_kind": "ranking", "model_name": "示例模型", "model_version": "1.4.0",
        "training_data": "2023 至 2025 年脱敏业务记录，已去除姓名、证件号与精确位置；抽样复核标注一致率 96%。",
        "entry_trl": 5, "known_limits": "样本少的情形（夜间、罕见类别）误差较大；输入残缺时拒绝给出建议。",
        "autonomy": "human_approves",
    },
    "risks": {"risks": [
        {"risk": "建议有误而当班人员未察觉", "group": "服务对象", "likelihood": 3, "severity": 3,
         "safeguard": "逐条人工确认，每周抽查 5%", "owner": "示例质控负责人"},
        {"risk": "对某一人群系统性偏差", "group": "老年人", "likelihood": 2, "severity": 4,
         "safeguard": "按年龄与性别分组统计，每期随反馈上报", "owner": "示例算法负责人"},
        {"risk": "服务中断影响办理", "likelihood": 2, "severity": 2, "safeguard": "一键停用后改为人工办理",
         "owner": "示例运维负责人"},
    ]},
    "plan": {
        "objectives": "检验该算法在真实流程中能否缩短办理时间而不增加差错与投诉。",
        "methods": "与原有人工流程并行；逐条记录建议、采纳与改判；每期汇总上报，每次评审抽查原始记录。",
        "metrics": [
            {"name": "建议准确率", "unit": "%", "pass_line": 90.0, "told_as": "accuracy"},
            {"name": "平均办理时长", "unit": "分钟", "higher_is_better": False, "pass_line": 12.0,
             "told_as": "minutes"},
            {"name": "使用者满意度", "unit": "分", "pass_line": 80.0},
        ],
        "limits": [
            {"indicator": "harm_serious", "per_exposure": 0.0001, "weight": 0.3},
            {"indicator": "harm_any", "per_exposure": 0.01, "weight": 0.2},
            {"indicator": "complaint", "per_exposure": 0.01, "weight": 0.2},
            {"indicator": "override", "per_exposure": 0.1, "weight": 0.2},
            {"indicator": "quality_drift", "per_exposure": 0.08, "weight": 0.1},
        ],
        "unit": "次", "stop_rules": "出现一类事件、超出任一上限、或风险灯转红，立即停用。",
        "stop_behaviour": "immediate", "fallback": "恢复原有人工流程，人员与窗口保持不变。",
    },
    "exposure": {
        "people": 2000, "volume": 12_000.0, "rate_per_day": 100.0, "regions": "演示市东区、演示市西区",
        "sites": "示例一站、示例二站、示例三站、示例四站", "days": 180, "autonomy": "human_approves",
        "data_classes": "脱敏业务记录；不含生物识别信息", "vulnerable_groups": "不面向未成年人；老年人可随时转人工",
        "model_version": "1.4.0", "not_applicable": [{"dimension": "money", "reason": "不涉及资金"}],
    },
    "protection": {
        "vulnerable_groups": "未成年人不纳入；老年人、残疾人由专人协助，默认人工办理。",
        "withdrawal_route": "当面告诉工作人员“不用智能辅助”即可，不影响办理；已产生的结果可要求人工重做并删除数据。",
        "complaint_contact": "000-0000-0014（演示），工作日 9:00 至 17:00",
    },
    "governance": {
        "data_flow": "站点采集，脱敏后送本地服务器推理，结果回到站点；原始数据不出站点，日志保存六个月。",
        "responsibility": "算法由示例算法负责人负责；采纳由当班人员负责；停用由示例运维负责人负责，二十四小时有人。",
        "transparency": "每条建议附主要依据；站点张贴告知；公开登记页写明用途、限度与联系方式。",
    },
    "commitment": {
        "conflicts": "申请人与评审专家无雇佣、持股或亲属关系。", "conflicts_declared": True, "commitment_signed": True,
        "signatory": "周示例（法定代表人，演示）",
    },
    "ethics_approval": {"committee": "示例科技伦理委员会", "number": "示例伦审〔2026〕第 008 号"},
    "eligibility": {
        "in_scope": True, "novel": True, "public_benefit": True, "sandbox_needed": True, "ready_to_test": True,
        "not_on_market": True, "not_prohibited": True,
        "note": "五项均符合；尚无同类系统在本市公开使用，需要在限度内验证。",
    },
    "tier": {"tier": "R2", "listed": False, "listing_signed": True, "environment": "E3",
             "note": "只给建议，由人决定；不在清单之列。"},
    "reasons": {
        "reasons": "申请材料中的风险登记未覆盖夜间情形，退出方案没有写明如何通知使用者。请一次补齐上述两项后重新提交。",
        "basis": "incomplete", "appeal_notice": True,
    },
    "safeguards": {
        "human_override": True, "output_reversal": True, "kill_switch": True, "complaint_channel": True,
        "description": "每条建议可一步改判；改判后原结果撤销并通知当事人；总开关在值班台；投诉电话与窗口已公布。",
    },
    "kill_switch": {"tested_by": "示例运维负责人", "result": "按下后 8 秒内全部站点停用，改走人工流程；恢复正常。"},
    "consent": {
        "text": "本服务正在试用智能辅助。您可以不用，不影响办理；用过的可以要求人工重做并删除数据。",
        "nature": True, "conditions": True, "rights": True, "reversal": True, "contact": True,
        "withdrawal_tested": True,
    },
    "redress": {"mechanism": "试点责任保险（演示）", "amount": 2_000_000.0,
                "contact": "示例保险，000-0000-0021（演示）"},
    "exit_plan": {
        "user_notice": "提前七日短信与站点公告；立即停用时当日公告。", "recall": "站点终端统一卸载，密钥作废。",
        "data_deletion": "除依法留存的日志外三十日内删除，出具删除证明。",
        "continuity": "人工流程始终保留，停用当日即可承接全部办理。",
    },
    "data_assessment": {"personal_data": True, "assessment": "示例个人信息保护影响评估〔2026〕第 5 号",
                        "sensitive_data": False, "minors": False},
    "notice": {"address": "演示市政务公开栏与公开登记页", "objections": 1, "objections_answered": True},
    "schedules": {"note": "按等级默认"},
    "retest": {"retest_passed": True, "retest": "复测集 1,200 例，改判率 6.1%，低于通过线。"},
    "mitigation": {
        "cause": "新到一批设备的曝光参数不同，使建议偏移。", "mitigation": "统一参数并在入口校验，偏离即拒绝给出建议。",
        "residual_tier": "R2",
    },
    "void": {"reason": "告警所依据的改判数因接口重复上报而翻倍；更正后证据低于红线，原因并不存在。",
             "adviser": "沈示例（科研机构）", "firm_told": True},
    "retrospective": {
        "events": "10:20 现场人员报告，10:26 按下总开关，10:40 报送专员，当日通知全部当事人。",
        "causes": "输入校验缺失；值班交接时未说明设备更换。", "plan_missed": "方案没有写设备更换须重新校准。",
        "safeguards_worked": "一键停用与人工承接有效；抽查比例偏低，未能提前发现。",
        "decision": "整改后进入调优，范围减半。", "lessons": "设备变更应列为须事先报告的事项。",
    },
    "external_cause": {"cause": "市电信光缆施工中断，两个站点网络中断三小时。",
                       "evidence": "示例通信公司故障单 示例-F22；站点日志一致。"},
    "results": {
        "metrics": [
            {"name": "建议准确率", "value": 93.4}, {"name": "平均办理时长", "value": 9.6},
            {"name": "使用者满意度", "value": 86.0, "note": "回收问卷 412 份"},
        ],
        "summary": "三项指标均达到通过线；差错与投诉均低于约定限度，但用量有限，不等于证明安全。",
    },
    "score": {"exit_trl": 8, "new_route": 8, "fit": 9, "reuse": 8, "candour": 3, "outputs": 2, "guidance": 3,
              "comment": "流程嵌入自然，改判记录完整，可供同类场景借鉴。"},
    "gates": {"legality": True, "data_security": True, "risk_control": True, "business_continuity": True,
              "redress_paid": True, "note": "逐项核对，无未结赔付。"},
    "exit_report": {
        "activities": "按方案完成全部站点的试用，未变更范围。", "results": "三项指标均已测得，见结果一节。",
        "learning": "人工确认的停留时间是差错的主要影响因素。",
        "safeguards": "四项保障均启用过，其中一键停用测试每月一次。",
        "residual_risk": "罕见类别样本仍少，建议在其他场景使用前补测。", "open_conditions": "六个月后回访一次。",
        "not_an_approval": True,
    },
    "countersignature": {"answer": "countersigned", "statement": "已阅，同意。"},
    "wind_down": {
        "users_told_status": "done", "access_closed_status": "done", "recall_status": "done",
        "outputs_reversed_status": "done", "data_deleted_status": "lawfully_kept",
        "data_deleted_reason": "日志依法保存至六个月期满", "complaints_closed_status": "done",
        "owner": "示例运维负责人",
    },
    "failure_form": {
        "classes": ["technical", "scenario_mismatch"],
        "root_causes": "现场光照与训练数据差别过大，阈值调整后仍达不到通过线。",
        "known_not_to_work": "仅靠阈值校准不能弥补缺少夜间样本。",
        "path_taken": "先校准，再补样本；因标注成本过高放弃后者。",
        "harm_and_redress": "无人受到伤害，无赔付。", "spent": 680_000.0, "unspent_returned": 120_000.0,
        "reusable_outputs": "脱敏测试集 3,000 例、改判界面源代码，存示例开放平台。",
        "advice_to_teams": "先在夜间采样一周再定通过线。", "advice_to_rules": "建议模板增加环境条件一栏。",
        "statement": "以上情况属实。",
        "public_summary": "一项巡检识别试点因夜间样本不足未达标，已按程序结束，无人受损。",
    },
    "diligence": {"records_complete": True, "plan_followed": True, "told_in_time": True, "honest": True,
                  "note": "原始记录齐全；两次偏差均在时限内报告。"},
    "termination": {"ground": "breach",
                    "facts": "试点单位两次超出约定区域使用，经书面提醒后仍未停止，且未如实上报用量。"},
    "appeal": {"new_facts": "补充第三方测评报告与退出方案修订稿，原决定所依据的两项缺失已不存在。"},
})
