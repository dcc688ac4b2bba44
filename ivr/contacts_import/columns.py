"""Which column holds what: by the field's own name, by what lists usually call it, or as the user says."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ivr.contacts_import.cells import text_of
from ivr.contacts_import.report import ContactsImportError
from ivr.i18n import translate

# What lists call the fields that flows usually need. Compared after `_key`.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "phone": (
        "手机号", "手机号码", "手机", "号码", "电话", "电话号码", "联系电话", "联系号码", "联系方式", "用户号码",
        "客户号码", "业务号码", "移动电话", "被叫号码", "外呼号码", "投诉号码",
        "手機號碼", "手機", "電話", "電話號碼", "聯絡電話",
        "mobile", "mobile number", "mobile phone", "phone number", "telephone", "tel", "cell", "cellphone",
        "cell phone", "msisdn", "contact number", "number",
    ),
    "name": (
        "姓名", "名字", "客户姓名", "用户姓名", "客户名称", "用户名称", "机主", "机主姓名", "联系人", "称呼",
        "客戶姓名",
        "customer", "customer name", "full name", "contact name", "client",
    ),
    "balance": (
        "余额", "账户余额", "帐户余额", "话费余额", "当前余额", "可用余额", "剩余话费", "餘額", "帳戶餘額",
        "account balance", "current balance", "remaining balance",
    ),
    "pay_by": (
        "缴费日期", "缴费截止日期", "缴费截止", "截止日期", "最迟缴费日期", "最晚缴费日期", "充值截止日期",
        "到期日", "到期日期", "停机日期", "繳費日期", "due date", "due", "pay before", "payment due", "deadline",
    ),
    "tail": ("尾号", "手机尾号", "号码尾号", "尾號", "last digits", "last four", "last four digits", "ending"),
    "service_name": ("业务名称", "服务名称", "业务", "办理业务", "service", "service handled"),
    "service_date": ("业务日期", "服务日期", "办理日期", "受理日期", "date of service"),
    "agent_no": ("工号", "客服工号", "坐席工号", "agent", "agent number", "agent id"),
    "exempt": ("免催免停", "免催", "免停", "免催停", "dunning exempt"),
    "paid": ("已缴费", "已缴", "已充值", "已付款"),
    "postpaid": ("后付费", "后付费用户", "後付費"),
    "special_tariff": ("特殊资费", "特殊套餐"),
    "expires_on": ("有效期", "失效日期", "提醒有效期"),
    "slot": ("预约时段", "回电时段", "预约时间", "time slot", "appointment"),
    # Of payments:
    "paid_at": (
        "缴费时间", "支付时间", "充值时间", "付款时间", "到账时间", "payment time", "payment date", "paid on",
    ),
    "amount": ("金额", "缴费金额", "支付金额", "充值金额", "付款金额", "payment", "paid amount"),
    # Of complaints:
    "complained_at": (
        "投诉时间", "投诉日期", "受理时间", "时间", "日期", "complaint time", "complaint date", "time", "date",
    ),
    "source": ("投诉来源", "投诉渠道", "来源", "渠道", "channel"),
    "reference": (
        "工单号", "工单编号", "投诉单号", "投诉编号", "流水号", "编号",
        "ticket", "ticket number", "case", "case number",
    ),
    "purpose": ("业务类型", "呼叫类型", "外呼类型", "投诉类型", "类型", "type"),
    "note": ("投诉内容", "内容", "备注", "说明", "details", "remark"),
}  # fmt: skip


_CHINESE_MOBILE = re.compile(r"(\+?86)?1\d{10}")  # roughly: it only chooses the better sentence


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each field stands: 0-based indexes into a row's cells, and the headers as the file has them."""

    phone: int
    fields: tuple[tuple[str, str, int], ...]  # (field, type, index)
    headers: tuple[str, ...]
    unused: tuple[str, ...]
    optional: frozenset[str] = frozenset()  # those of the fields whose cells may be empty

    def header(self, index: int | None) -> str | None:
        return self.headers[index] if index is not None and index < len(self.headers) else None


def names_phone(headers: Sequence[str], chosen: Mapping[str, str]) -> bool:
    """Whether the row can be the header: one of its cells names the phone column."""
    return bool(_candidates("phone", headers, chosen))


def match_columns(
    headers: Sequence[str],
    needs: Mapping[str, str],
    chosen: Mapping[str, str],
    optional: Mapping[str, str] | None = None,
) -> Columns:
    """Find the phone's column, each needed field's, and those of the `optional` fields that the list has.
    `chosen` maps fields to headers and wins.

    Raises ContactsImportError naming every needed field that has no column, or a field that has two."""
    optional = {name: kind for name, kind in (optional or {}).items() if name not in needs and name != "phone"}
    _check_chosen(headers, {**needs, **optional}, chosen)
    optional = {name: kind for name, kind in optional.items() if _candidates(name, headers, chosen)}
    needs = {**needs, **optional}
    wanted = ["phone", *(name for name in needs if name != "phone")]
    found = {name: _candidates(name, headers, chosen) for name in wanted}
    missing = [name for name in wanted if not found[name]]
    if "phone" in missing and any(_CHINESE_MOBILE.fullmatch(text_of(header)) for header in headers):
        raise ContactsImportError(
            "the list begins with a phone number; put a row of column names above it, such as {names}",
            names=", ".join(wanted),
        )
    if missing:
        raise ContactsImportError(
            "the list has no column for {missing}; its columns are {headers}; rename them, or say which is which"
            " (--map {example}=HEADER)",
            missing=", ".join(missing),
            headers=", ".join(header for header in headers if header) or translate("none"),
            example=missing[0],
        )
    for name in wanted:
        if len(found[name]) > 1:
            raise ContactsImportError(
                "{field} could be any of the columns {headers}; say which (--map {field}=HEADER)",
                field=name,
                headers=", ".join(headers[index] for index in found[name]),
            )
    used = {found[name][0] for name in wanted}
    return Columns(
        phone=found["phone"][0],
        fields=tuple((name, type_name, found[name][0]) for name, type_name in needs.items()),
        headers=tuple(headers),
        unused=tuple(header for index, header in enumerate(headers) if header and index not in used),
        optional=frozenset(optional),
    )


def _check_chosen(headers: Sequence[str], needs: Mapping[str, str], chosen: Mapping[str, str]) -> None:
    for name, header in chosen.items():
        if name != "phone" and name not in needs:
            raise ContactsImportError(
                "the flow needs no {field}; it needs {needs}", field=name, needs=", ".join(["phone", *needs])
            )
        if not any(_key(header) == _key(other) for other in headers):
            raise ContactsImportError(
                "the list has no column {header}; its columns are {headers}",
                header=header,
                headers=", ".join(other for other in headers if other),
            )


def _candidates(name: str, headers: Sequence[str], chosen: Mapping[str, str]) -> list[int]:
    """Indexes of the columns that may hold the field: the surest kind of match that there is."""
    keys = [_key(header) for header in headers]
    if name in chosen:
        return [index for index, key in enumerate(keys) if key == _key(chosen[name])]
    taken = {_key(header) for header in chosen.values()}
    exact = [index for index, key in enumerate(keys) if key == _key(name)]
    if exact:
        return exact
    synonyms = {_key(synonym): rank for rank, synonym in enumerate(SYNONYMS.get(name, ()))}
    return [index for index, key in enumerate(keys) if key in synonyms and key not in taken]


def _key(header: str) -> str:
    """余额(元) and " 余额 " are 余额; Pay_By and "pay by" are payby."""
    text = unicodedata.normalize("NFKC", text_of(header)).casefold()
    text = re.sub(r"[(\[【<].*?[)\]】>]", "", text)
    return re.sub(r"[\s_\-:*#]+", "", text)
