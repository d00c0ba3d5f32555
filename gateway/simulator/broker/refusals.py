"""The texts with which the broker refuses.

Those under "seen" are OpenD's own, as public sources quote them; OpenD's wording of the others is not
known, and they are ours.
"""

from gateway.simulator.model import Refusal

# Seen.
NO_SUCH_ACCOUNT = "AccID does not exist."
NO_SUCH_ORDER = "此订单号不存在"
LOCKED = "没有解锁交易，请先解锁交易"
NO_BUYING_POWER = "账户购买力不足"
NO_PAPER_FILLS = "模拟交易不支持成交数据"
NO_PAPER_FEES = "暂时不支持模拟交易"
NO_PAPER_MARGIN_RATIO = "模拟账户不支持"

# Ours.
WRONG_ENVIRONMENT = "交易环境与账户不一致"
NO_AUTHORITY = "账户没有该市场的交易权限"
NO_ACCOUNT_OF_FIRM = "该券商下没有真实交易账户"
WRONG_PASSWORD = "交易密码错误"  # noqa: S105
ALREADY_UNLOCKED = "交易已经解锁，无需重复解锁"
UNKNOWN_SIDE = "不支持的交易方向"
UNKNOWN_CURRENCY = "不支持的币种"
WRONG_CODE_FORMAT = "股票代码格式错误"
WRONG_MARKET_OF_CODE = "股票所属市场与交易市场不一致"
NOT_TRADABLE = "该证券不支持交易"
NO_ORDER_TYPE = "该市场不支持此订单类型"
PAPER_ORDER_TYPE = "模拟交易仅支持限价单和市价单"
PAPER_TIME_IN_FORCE = "模拟交易仅支持当日有效"
NO_TIME_IN_FORCE = "不支持此订单有效期限"
REMARK_TOO_LONG = "备注长度超过64字节"
NOT_FINITE = "参数{field}不是有效的数值"
QTY_NOT_POSITIVE = "数量必须大于0"
PRICE_NOT_POSITIVE = "价格必须大于0"
NOT_A_LOT = "数量不是每手股数{lot_size}的整数倍"
OFF_TICK = "价格不符合最小变动价位{tick}"
ADJUSTMENT_TOO_LARGE = "价格调整幅度超过限制"
TOO_MANY_SHARES = "单笔数量超过上限{cap}"
TOO_MUCH_MONEY = "单笔金额超过上限{cap}"
NOT_ENOUGH_TO_SELL = "可卖数量不足"
BUY_BACK_FIRST = "请先买回已卖空的数量"
NO_SHORT_TO_BUY_BACK = "没有可买回的空头持仓"
NO_SHORT_SALE = "该证券不可卖空"
NO_SUCH_OPERATION = "该市场不支持此改单操作"
PAPER_CANCEL_ALL = "模拟交易不支持全部撤单"
ONLY_CANCEL_ALL = "仅撤单操作支持全部订单"
WRONG_STATE = "订单当前状态不允许此操作"
QTY_BELOW_FILLED = "改单数量必须大于已成交数量"
WRONG_TIME = "时间格式错误: {value}"
WRONG_TIME_RANGE = "开始时间晚于结束时间"
TOO_MANY_SECURITIES = "请求个数超过限制"
NO_MARGIN_DATA = "仅支持港股和美股"


def missing(parameter: str) -> Refusal:
    """OpenD's refusal of a call without a parameter that its message calls optional."""
    return Refusal(f"缺少必要的参数: {parameter}")
