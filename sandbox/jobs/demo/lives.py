"""The city's scenarios and the lives of its trials: what is tried, how it went, whose it is and when it began."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.jobs.demo import stories as s
from sandbox.jobs.demo.walks import Story, Topic, Walk

SCENARIOS = {
    "government": ("department", "政务服务与城市治理", "Public services and city management",
                   "政务大厅、热线与街面管理中的智能辅助，由当班人员确认后办理。", "演示市全域", "public_answers"),
    "health": ("regulator", "医疗与养老辅助", "Care and health assistance",
               "社区医院与养老机构中的辅助判断，结论由医生或护理人员作出。", "演示市东区、西区", "medical_advice"),
    "industry": ("department", "工业质检与巡检", "Industrial inspection",
                 "工厂、管网与轨道的识别与预警，停机由人决定。", "示例工业园", "inspection"),
    "traffic": ("regulator", "低速物流与出行", "Low-speed delivery and mobility",
                "限定道路与时段内的配送、停车与出行服务。", "演示市北区限定道路", "delivery_vehicle"),
    "finance": ("regulator", "普惠金融预审", "Pre-checks in inclusive finance",
                "小额信贷、保险与补贴的预先审核，授信与支付由人决定。", "演示市全域", "credit_check"),
    "education": ("department", "教育与培训辅助", "Education and training",
                  "教师备课、批改与实训评价的辅助，不直接评价学生。", "示例学校与实训中心", "education_recruiting"),
}
"""Key: who publishes it, title, title in English, description, regions, kind of use."""


@dataclass(frozen=True, slots=True)
class Life:
    """One trial of the city: what is tried, how it went, whose it is, and the day of its application."""

    day: int
    story: Callable[[Walk], Story]
    topic: Topic
    firm: str = "firm"
    tier: str = "R2"
    days: int = 120


LIVES = (
    Life(0, s.standardised, Topic(
        "工业焊缝质检", "Weld seam inspection", "按焊缝照片提示疑似缺陷，由质检员判定。",
        "industry", "件", 180.0, 900)),
    Life(2, s.completed, Topic(
        "旧衣回收分拣识别", "Sorting of returned textiles", "识别面料与可用程度，提示分拣去向。",
        "industry", "件", 150.0, 600)),
    Life(4, s.failed, Topic(
        "城市内河夜间漂浮物识别", "Night-time detection of floating waste", "从岸上画面提示漂浮物位置，由巡查员核实。",
        "government", "次", 120.0, 300)),
    Life(6, s.terminated, Topic(
        "商场客流引导", "Crowd guidance in a shopping centre", "按客流提示开放通道，由值班经理决定。",
        "traffic", "次", 130.0, 1500)),
    Life(7, s.left, Topic(
        "写字楼能耗调度建议", "Energy scheduling advice for offices", "给出空调与照明的调节建议，由物业执行。",
        "industry", "次", 90.0, 400), tier="R1"),
    Life(9, s.abandoned, Topic(
        "图书馆选书推荐", "Book recommendations in libraries", "按借阅情况推荐书目。",
        "education", "次", 80.0, 500), tier="R1"),
    Life(11, s.in_correction, Topic(
        "路灯报修语音受理", "Voice intake of street-light faults", "把市民来电整理为报修单，由坐席确认。",
        "government", "件", 100.0, 800)),
    Life(13, s.admitted, Topic(
        "会议室预约助手", "Meeting-room assistant", "按日程建议会议室与时间，由使用者确认。",
        "government", "次", 60.0, 300), tier="R1"),
    Life(15, s.declined, Topic(
        "停车场车位推荐", "Parking space suggestions", "按空位推荐车位。",
        "traffic", "次", 200.0, 2000)),
    Life(21, s.ended_again, Topic(
        "短视频内容标注", "Labelling of short videos", "为运营人员标注内容类别，不推送。",
        "education", "条", 150.0, 700), firm="firm2"),
    Life(34, s.standardised, Topic(
        "政务热线答复助手", "Drafted answers for the city hotline", "为坐席拟写答复，由坐席确认后发出。",
        "government", "通", 160.0, 1900), tier="R1"),
    Life(42, s.revoked, Topic(
        "课堂专注度分析", "Attention analysis in classrooms", "分析课堂整体参与程度，不识别个人。",
        "education", "节", 60.0, 400), firm="firm5", tier="R3"),
    Life(58, s.adopted, Topic(
        "末端无人配送车", "Last-mile delivery robots", "在限定道路低速配送，安全员随车可随时接管。",
        "traffic", "公里", 120.0, 1200), firm="firm3", tier="R3", days=240),
    Life(62, s.tuned_and_resumed, Topic(
        "药品说明问答", "Answers about medicine leaflets", "回答药品说明书中的内容，超出即转药师。",
        "health", "次", 140.0, 1800), firm="firm4", days=180),
    Life(66, s.falsely_red, Topic(
        "社区医院眼底照片辅助阅读", "Reading aid for eye photographs in clinics",
        "提示眼底照片的可疑区域，结论由医生下。", "health", "张", 100.0, 1900), firm="firm2", tier="R3", days=180),
    Life(72, s.paused_once, Topic(
        "慢病随访提醒", "Follow-up reminders in chronic illness", "按复诊计划提醒，由护士拨打。",
        "health", "人次", 120.0, 1500), firm="firm4", days=180),
    Life(80, s.busy_days, Topic(
        "城市内河巡检识别", "Inspection of city rivers", "识别河面异常，由巡查员核实。",
        "government", "次", 160.0, 900), days=180),
    Life(86, s.red_and_lifted, Topic(
        "食堂明厨亮灶识别", "Kitchen hygiene detection", "提示未戴口罩等情形，由管理员核实。",
        "government", "次", 120.0, 600), firm="firm3", tier="R3", days=180),
    Life(92, s.cleared, Topic(
        "小微企业信贷预审", "Credit pre-check for small businesses", "核对材料并提示风险点，授信由客户经理决定。",
        "finance", "件", 110.0, 1600), tier="R3", days=180),
    Life(98, s.near_a_cap, Topic(
        "住院费用异常提示", "Hints on unusual hospital bills", "提示费用异常条目，由审核员核对。",
        "finance", "份", 130.0, 1700), days=150),
    Life(104, s.ended_by_the_clock, Topic(
        "养老照护排班", "Care rosters for the elderly", "给出排班建议，由护理部确认。",
        "health", "班次", 70.0, 400), days=100),
    Life(112, s.past_its_end, Topic(
        "垃圾投放引导", "Guidance at waste stations", "提示投放类别，由督导员说明。",
        "government", "次", 150.0, 1800), firm="firm2", days=100),
    Life(116, s.partly_scored, Topic(
        "仓库叉车盲区预警", "Blind-spot warnings for forklifts", "提示盲区有人，由司机停车。",
        "industry", "次", 170.0, 200), firm="firm3"),
    Life(132, s.in_retrospective, Topic(
        "电梯故障预判", "Prediction of lift faults", "提示可能的故障，由维保人员检查。",
        "industry", "次", 130.0, 900), tier="R3", days=150),
    Life(140, s.winding_down, Topic(
        "共享单车停放识别", "Detection of misplaced bicycles", "识别乱停放，由运维人员搬移。",
        "traffic", "次", 180.0, 600)),
    Life(146, s.unreviewed, Topic(
        "招聘材料整理", "Sorting of job applications", "整理材料要点，不打分不筛人。",
        "education", "份", 100.0, 1500)),
    Life(150, s.tuned_after_harm, Topic(
        "燃气管网调压预警", "Early warning in gas networks", "提示压力异常，由调度员处置。",
        "industry", "次", 140.0, 300), tier="R3", days=180),
    Life(152, s.complained_of, Topic(
        "公交到站预测", "Bus arrival prediction", "预测到站时间，站牌显示。",
        "traffic", "次", 120.0, 3000), tier="R3"),
    Life(156, s.tuned, Topic(
        "桥梁裂缝识别", "Detection of cracks in bridges", "识别裂缝并估计宽度，由工程师复核。",
        "industry", "处", 120.0, 100)),
    Life(163, s.silent, Topic(
        "水质在线预警", "Online warnings on water quality", "提示水质异常，由值班员取样。",
        "industry", "次", 110.0, 200)),
    Life(168, s.over_its_cap, Topic(
        "文旅导览问答", "Answers for visitors", "回答景点问题，涉医涉法即转人工。",
        "government", "次", 160.0, 2500), firm="firm3", days=60),
    Life(172, s.untested, Topic(
        "配电房巡检机器人", "Inspection robot in switch rooms", "巡检读表并提示过热。",
        "industry", "次", 90.0, 60), firm="firm2"),
    Life(174, s.red, Topic(
        "保险理赔单证识别", "Recognition of insurance documents", "识别单证并提示缺件，赔付由人决定。",
        "finance", "件", 150.0, 1500), tier="R3"),
    Life(188, s.paused, Topic(
        "车间物料调度", "Material scheduling on the shop floor", "建议送料顺序，由班组长确认。",
        "industry", "次", 120.0, 80)),
    Life(190, s.late_with_a_report, Topic(
        "社区养老语音陪伴", "Voice companion for the elderly", "日常问答与提醒，异常即通知护理员。",
        "health", "次", 100.0, 300), firm="firm4"),
    Life(192, s.held_by_the_chair, Topic(
        "街面占道识别", "Detection of blocked pavements", "识别占道并提示，由城管员核实。",
        "government", "次", 140.0, 900), firm="firm5"),
    Life(193, s.overdue_review, Topic(
        "康复动作识别", "Recognition of rehabilitation exercises", "提示动作偏差，由康复师指导。",
        "health", "次", 110.0, 700), firm="firm4", days=180),
    Life(198, s.overdue_review, Topic(
        "中小学作文批改建议", "Advice on marking essays", "给教师批改建议，不给学生打分。",
        "education", "篇", 90.0, 700), firm="firm5"),
    Life(200, s.running, Topic(
        "高风险作业人机协同监护", "Guarding of high-risk work", "按清单管理：监护作业并可紧急制动。",
        "industry", "班次", 15.0, 120), tier="R4", days=90),
    Life(208, s.reopened, Topic(
        "招标文件比对", "Comparison of tender documents", "提示文件异同，由经办人核对。",
        "government", "份", 60.0, 150)),
    Life(212, s.preparing, Topic(
        "智能停车引导", "Parking guidance", "提示空位与路线，由车主决定。",
        "traffic", "次", 180.0, 2600)),
    Life(219, s.at_rereview, Topic(
        "沉浸式心理疏导", "Immersive counselling", "按清单管理：由咨询师全程在场，可随时中止。",
        "health", "次", 40.0, 100), tier="R4", days=90),
    Life(230, s.at_ethics_review, Topic(
        "急救电话信息整理", "Notes for emergency calls", "整理来电要点，派车由调度员决定。",
        "health", "通", 120.0, 1500)),
    Life(230, s.resubmitted, Topic(
        "税务问答助手", "Answers about taxes", "回答办税流程问题，由窗口确认。",
        "government", "次", 140.0, 1800)),
    Life(236, s.waiting_for_the_second, Topic(
        "智慧工地安全帽识别", "Helmet detection on building sites", "提示未戴安全帽，由安全员提醒。",
        "industry", "次", 150.0, 400)),
    Life(236, s.in_correction, Topic(
        "公园植物识别", "Plant recognition in parks", "识别植物并给出介绍。",
        "education", "次", 90.0, 800)),
    Life(238, s.waiting_for_acceptance, Topic(
        "港口箱号识别", "Container number recognition", "识别箱号，由理货员确认。",
        "traffic", "箱", 200.0, 80), firm="firm2"),
    Life(241, s.drafted, Topic(
        "展馆讲解编排", "Museum guide planning", "编排讲解路线，由讲解员确认。",
        "education", "次", 60.0, 500), tier="R1"),
)
"""In the order of their first day."""
