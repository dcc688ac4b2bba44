"""The fixed wording of prompts: figures become words, and phrases are cut where a speaker breathes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.normalise import normalise
from prompts.phrases import PAUSES_MS, cut
from prompts.wording import Wording

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("需要请按1,不需要请按2", "需要请按一,不需要请按二"),
        ("转人工按0", "转人工按零"),
        ("请说几分,或按1到5。", "请说几分,或按一到五。"),
        ("打1-5分", "打一到五分"),
        ("3~5天", "三到五天"),
        ("您打的是2分", "您打的是两分"),
        ("每月4元", "每月四元"),
        ("余额5.20元", "余额五元二角"),
        ("¥12.50", "十二元五角"),
        ("1,234元", "一千二百三十四元"),
        ("共1,234户", "共一千二百三十四户"),
        ("优惠30%", "优惠百分之三十"),
        ("优惠12.5%", "优惠百分之十二点五"),
        ("3.5折", "三点五折"),
        ("12.5", "十二点五"),
        ("2次", "两次"),
        ("第2次", "第二次"),
        ("2点30分", "两点三十分"),
        ("2月2日", "二月二日"),
        ("2026-11-25前", "二零二六年十一月二十五日前"),
        ("9:30到10:00", "九点三十分到十点"),
        ("尾号8866", "尾号八八六六"),
        ("拨打13800138000", "拨打幺三八零零幺三八零零零"),
        ("24小时", "二十四小时"),
        ("官方App充值", "官方App充值"),
        ("余额还有五元二角", "余额还有五元二角"),
        ("a\tb\0c", "a b c"),
    ],
)
def test_chinese(text: str, spoken: str) -> None:
    assert normalise(text, "zh-CN") == spoken


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("press 1 for yes, or 2 for no", "press one for yes, or two for no"),
        ("rate it 1-5", "rate it one to five"),
        ("$5.20 left", "five dollars and twenty cents left"),
        ("4 yuan a month", "four yuan a month"),
        ("5.20 yuan", "five yuan twenty"),
        ("30% off", "thirty percent off"),
        ("1,234 people", "one thousand two hundred and thirty four people"),
        ("at 9:30 AM", "at nine thirty AM"),
        ("November 25, 2026", "the twenty fifth of november, twenty twenty six"),
        ("No. 5", "number five"),
        ("Mr. Wang", "Mister Wang"),
        ("You can't press 0", "You can't press zero"),
        ("I'm the assistant", "I'm the assistant"),
    ],
)
def test_english(text: str, spoken: str) -> None:
    assert normalise(text, "en") == spoken


def test_other_languages_pass() -> None:
    assert normalise("1번을  누르세요", "ko") == "1번을 누르세요"


@settings(deadline=None)
@given(st.text(max_size=40), st.sampled_from(["zh-CN", "en", "ko"]))
def test_any_text_can_be_normalised_and_cut(text: str, language: str) -> None:
    for phrase in cut(text):
        assert any(char.isalnum() for char in phrase.text)
        assert phrase.text[-1] in PAUSES_MS
        normalise(phrase.text, language)


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("您好,我是助手。可以吗?", ["您好,", "我是助手.", "可以吗?"]),
        ("您好，我是助手！可以吗？", ["您好,", "我是助手!", "可以吗?"]),
        ("跟您确认:尾号八八;可以", ["跟您确认:", "尾号八八;", "可以."]),
        ("比如“五分”,或者按键", ["比如五分,", "或者按键."]),
        ("It's 5.20, at 9:00. OK?", ["It's 5.20,", "at 9:00.", "OK?"]),
        ("This is Mr. Wang. Hello", ["This is Mr. Wang.", "Hello."]),
        ("幺三八、零零幺三", ["幺三八、零零幺三."]),
        ("...!?", []),
        ("", []),
        ("好?!", ["好!"]),
    ],
)
def test_phrases(text: str, phrases: list[str]) -> None:
    assert [phrase.text for phrase in cut(text)] == phrases


def test_values_and_wording_together() -> None:
    wording = Wording({"tail": "digits", "balance": "money", "pay_by": "date", "hotline": "text"}, "zh-CN")
    values = {"tail": "8812", "balance": "2.20", "pay_by": "2026-02-02", "hotline": "10000"}
    template = "您尾号{tail}的号码,余额还有{balance},请在{pay_by}前按1,拨打{hotline|digits}号。"
    assert "".join(phrase.text for phrase in wording.spoken(template, values)) == (
        "您尾号八八幺二的号码,余额还有两元二角,请在二月二日前按一,拨打幺零零零零号."
    )
    assert wording.written(template, values) == "您尾号8812的号码,余额还有2.20元,请在2月2日前按1,拨打10000号。"


def test_rating_takes_its_measure_word() -> None:
    spoken = [Wording({"rating": "integer"}, "zh-CN").spoken("{rating}分", {"rating": n})[0].text for n in (1, 2)]
    assert spoken == ["一分.", "两分."]


def test_misfit_names_the_variable_and_keeps_the_value_to_itself() -> None:
    with pytest.raises(ValueError, match="the value of balance isn't of type money") as caught:
        Wording({"balance": "money"}, "en").spoken("{balance}", {"balance": "secret"})
    assert "secret" not in str(caught.value)
