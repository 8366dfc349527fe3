//! What the people of the demo write: reports, reasons and opinions in the language of the customer.

use crate::demo::dice::Dice;

/// A product of the company with its category, in English and Chinese.
pub(super) struct Product {
    pub(super) name: (&'static str, &'static str),
    pub(super) category: (&'static str, &'static str),
}

const fn product(name: (&'static str, &'static str), category: (&'static str, &'static str)) -> Product {
    Product { name, category }
}

const INSTRUMENTS: (&str, &str) = ("Instruments", "仪表");
const ACTUATORS: (&str, &str) = ("Actuators", "执行机构");
const SYSTEMS: (&str, &str) = ("Control systems", "控制系统");
const SPARES: (&str, &str) = ("Spare parts", "备件");

/// Everything the company sells.
pub(super) const PRODUCTS: [Product; 12] = [
    product(("Pressure transmitter PT-30", "压力变送器 PT-30"), INSTRUMENTS),
    product(("Level gauge LG-12", "液位计 LG-12"), INSTRUMENTS),
    product(("Flow meter FM-80", "流量计 FM-80"), INSTRUMENTS),
    product(("Temperature sensor TS-05", "温度传感器 TS-05"), INSTRUMENTS),
    product(("Gas analyzer GA-2", "气体分析仪 GA-2"), INSTRUMENTS),
    product(("Electric actuator EA-40", "电动执行器 EA-40"), ACTUATORS),
    product(("Control valve CV-25", "调节阀 CV-25"), ACTUATORS),
    product(("Positioner PS-7", "定位器 PS-7"), ACTUATORS),
    product(("Controller rack CR-9", "控制机柜 CR-9"), SYSTEMS),
    product(("Operator station OS-3", "操作站 OS-3"), SYSTEMS),
    product(("Seal kit SK-1", "密封件 SK-1"), SPARES),
    product(("Sensor element SE-1", "传感元件 SE-1"), SPARES),
];

/// A purpose of contacts with what is reported of it, in English and Chinese; `{}` stands for a product.
pub(super) const REPORTS: [(&str, &str, &str); 12] = [
    (
        "care_bond",
        "Called on the instrument workshop; {} runs without complaint.",
        "走访仪表车间，{}运行正常，无意见。",
    ),
    (
        "care_volume",
        "Went through next quarter's demand for {}; a list of sizes follows.",
        "核对下季度{}需求，客户将提供规格清单。",
    ),
    (
        "care_collect",
        "Spoke about the open balance for {}; payment is promised for the month's end.",
        "就{}货款进行催收，客户承诺月底付款。",
    ),
    (
        "develop",
        "Showed {} to the design office; they compare it with what they use.",
        "向设计室介绍{}，客户正与现用产品比较。",
    ),
    (
        "new_project",
        "The extension of the second line is approved; {} is in the tender.",
        "二期扩建已获批，{}列入招标范围。",
    ),
    (
        "market_study",
        "Learned how many {} are due for replacement in the next two years.",
        "了解到未来两年{}更换数量。",
    ),
    (
        "competitor_study",
        "A competitor offers a trial of its own {}; price about five percent lower.",
        "竞争对手提供{}试用，价格约低百分之五。",
    ),
    ("influence", "Invited the engineers to the seminar on {}.", "邀请技术人员参加{}技术交流会。"),
    ("service", "Calibrated {} together with the customer's technician.", "与客户技术员共同校验{}。"),
    (
        "revisit",
        "Revisited after delivery of {}: installed, two labels to be replaced.",
        "{}交货后回访：已安装，需补发两块标牌。",
    ),
    ("answer", "Answered the question about the range of {}.", "答复客户关于{}量程的询问。"),
    (
        "other",
        "Exchanged contact data and the holiday plan of the plant; {} in stock.",
        "交换联系方式与检修计划，{}有备货。",
    ),
];

/// What a promise says, in English and Chinese.
pub(super) const PROMISES: [(&str, &str); 6] = [
    ("Send the drawing of {}", "提供{}图纸"),
    ("Quote {} with accessories", "提交{}及附件报价"),
    ("Replace the label of {}", "补发{}标牌"),
    ("Bring a sample of {}", "提供{}样品"),
    ("Confirm the delivery date of {}", "确认{}交货期"),
    ("Train the operators on {}", "安排{}操作培训"),
];

/// Why a grade is proposed, better first; in English and Chinese.
pub(super) const REASONS: [(&str, &str); 8] = [
    ("Paid every invoice of the last four quarters before its date.", "近四个季度货款均提前支付，信用良好。"),
    ("Orders have grown for three quarters and are paid on time.", "订单连续三个季度增长，付款及时。"),
    ("New management, the backlog of payments is cleared.", "管理层调整后，历史欠款已全部结清。"),
    ("A first year of trade without a late payment.", "首个合作年度无逾期付款记录。"),
    ("Two payments came more than thirty days late.", "两笔货款逾期超过三十天支付。"),
    ("The parent company has stopped its guarantee.", "母公司已停止担保，付款能力下降。"),
    ("Investment in the plant has been put off for a year.", "工厂投资计划推迟一年，需控制风险。"),
    ("Disputes over two deliveries hold back payment.", "两批货物存在争议，付款被搁置。"),
];

/// What reviewers and approvers say, in English and Chinese.
pub(super) const OPINIONS: [(&str, &str); 4] = [
    ("Agrees with what the region sees.", "与大区掌握的情况一致，同意。"),
    ("The evidence bears it out.", "依据充分，同意。"),
    ("Agreed; look again in a year.", "同意，一年后复核。"),
    ("Agreed, within the limit proposed.", "同意，额度按申请执行。"),
];

/// Why reviewers and approvers say no, in English and Chinese.
pub(super) const DOUBTS: [(&str, &str); 3] = [
    ("One quarter is too short to judge by.", "仅一个季度的数据，依据不足。"),
    ("Wait for the annual accounts.", "待年度报表出具后再议。"),
    ("The open dispute has to be settled first.", "须先解决未了争议。"),
];

/// A field of the profile with its section and what is learned, in English and Chinese.
pub(super) const LEARNED: [(&str, &str, &str, &str); 10] = [
    ("basic", "size", "About three hundred people, two lines", "约三百人，两条生产线"),
    ("basic", "main_products", "Standard parts and two made to order", "标准件及两种定制产品"),
    ("business_status", "cooperation_attitude", "Open to yearly framework orders", "愿意签订年度框架订单"),
    (
        "business_status",
        "relation_with_competitors",
        "Tests a competitor's devices on one line",
        "一条生产线在试用竞争对手产品",
    ),
    ("trading_status", "demand", "Replaces a fifth of the instruments each year", "每年更换约五分之一仪表"),
    ("trading_status", "credit_state", "Pays at sixty days", "付款周期六十天"),
    ("production", "capacity", "Runs at four fifths of capacity", "产能利用率约八成"),
    ("purchase_procedure", "procedure", "Three quotations, decided by the plant manager", "三家比价，由厂长审批"),
    ("investment", "planned_projects", "Second line planned for the year after next", "后年计划新建二期"),
    ("bidding", "bid_method", "Open tender from half a million yuan", "五十万元以上公开招标"),
];

/// Puts a product into a sentence of the customer's language.
pub(super) fn about(sentence: (&str, &str), chinese: bool, product: &Product) -> String {
    let (text, name) = if chinese { (sentence.1, product.name.1) } else { (sentence.0, product.name.0) };
    text.replace("{}", name)
}

/// Throws for one of several.
pub(super) fn one<'a, T>(dice: &mut Dice, all: &'a [T]) -> Option<&'a T> {
    all.get(dice.place(all.len()))
}

/// Throws for a sentence in the customer's language.
pub(super) fn sentence(dice: &mut Dice, all: &[(&'static str, &'static str)], chinese: bool) -> &'static str {
    let (english, chinese_words) = one(dice, all).copied().unwrap_or_default();
    if chinese { chinese_words } else { english }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_long_enough_to_be_one() {
        for (english, chinese) in REASONS {
            assert!(english.chars().count() >= 10 && chinese.chars().count() >= 10, "{english}");
        }
    }

    #[test]
    fn a_report_names_its_product() {
        for (_, english, chinese) in REPORTS {
            assert!(about((english, chinese), false, &PRODUCTS[0]).contains("PT-30"));
            assert!(about((english, chinese), true, &PRODUCTS[0]).contains("压力变送器"));
        }
    }
}
