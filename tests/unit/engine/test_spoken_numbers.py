"""A secret is found in whatever mixture of ways somebody says it: numbers, figures one by one, doubled and counted
ones, against spellers that know nothing of how it is searched."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.spoken_digits import masked, runs

pytestmark = pytest.mark.unit

ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
        "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")  # fmt: skip
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
MANY = ("zeros", "ones", "twos", "threes", "fours", "fives", "sixes", "sevens", "eights", "nines")
HAN = "零一二三四五六七八九"
HAN_ALSO = ("零〇洞", "一幺", "二两", "三", "四", "五", "六", "七拐", "八", "九")
SINO = "영일이삼사오육칠팔구"
NATIVE = ("공", "하나", "둘", "셋", "넷", "다섯", "여섯", "일곱", "여덟", "아홉")
NATIVE_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
COUNTS = ("", "", "두", "세", "네", "다섯", "여섯")
SECRETS = st.text("0123456789", min_size=3, max_size=12)
Ways = Callable[[st.DataObject, str], list[str]]


def one_of(data: st.DataObject, *ways: str) -> str:
    return data.draw(st.sampled_from(ways))


def english(data: st.DataObject, number: int) -> str:
    """a hundred and twenty three; four thousand five hundred sixty-seven; forty-five hundred."""
    for size, name in ((10**6, "million"), (1000, "thousand")):
        if number >= size:
            count, rest = divmod(number, size)
            before = f"{one_of(data, 'a', 'one') if count == 1 else english(data, count)} {name}"
            return before if not rest else f"{before} {'and ' if rest < 100 else ''}{english(data, rest)}"
    if number >= 100:
        count, rest = divmod(number, 100)
        before = f"{one_of(data, 'a', 'one') if count == 1 else ONES[count]} hundred"
        return before if not rest else f"{before} {one_of(data, 'and ', '')}{english(data, rest)}"
    if number < 20:
        return ONES[number]
    return TENS[number // 10] + (one_of(data, " ", "-") + ONES[number % 10] if number % 10 else "")


def english_hundreds(data: st.DataObject, number: int) -> str:
    """Four figures, as years are read."""
    before = f"{english(data, number // 100)} hundred"
    return before if number % 100 == 0 else f"{before} {one_of(data, 'and ', '')}{english(data, number % 100)}"


def chinese(data: st.DataObject, number: int, *, ends: bool = True) -> str:
    """三千四百五十六; 两万零五; 三万五, which is 35000: the last unit may go unsaid where the number ends."""
    if number >= 10_000:
        head, rest = divmod(number, 10_000)
        before = f"{one_of(data, '两', '二') if head == 2 else chinese(data, head, ends=False)}万"
        if rest % 1000 == 0 and rest:
            return before + one_of(data, HAN[rest // 1000], chinese(data, rest))
        return before + ("" if not rest else ("零" if rest < 1000 else "") + chinese(data, rest))
    said = ""
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, rest = number // unit % 10, number % unit
        if not digit:
            continue
        if said and number // (unit * 10) % 10 == 0:
            said += "零"
        elif ends and said and unit > 1 and rest == 0 and data.draw(st.booleans()):
            return said + HAN[digit]
        figure = one_of(data, "两", "二") if digit == 2 and unit >= 100 else HAN[digit]
        said += ("" if unit == 10 and digit == 1 and not said else figure) + name
    return said


def korean(data: st.DataObject, number: int) -> str:
    """백이십삼; 일천; 만 이천. A unit by itself has its 일: alone it is a part of other words."""
    said, left = "", number
    if number >= 10_000:
        head, left = divmod(number, 10_000)
        said = ("" if head == 1 and left and data.draw(st.booleans()) else korean(data, head)) + "만"
        said += one_of(data, " ", "") if left else ""
    for unit, name in ((1000, "천"), (100, "백"), (10, "십"), (1, "")):
        digit = left // unit % 10
        if digit:
            bare = digit == 1 and unit > 1 and number != unit and data.draw(st.booleans())
            said += ("" if bare else SINO[digit]) + name
    return said


def spelled(data: st.DataObject, secret: str, ways: Ways, between: str) -> str:
    parts, rest = [], secret
    while rest:
        size = data.draw(st.integers(1, min(len(rest), 8)))
        parts.append(one_of(data, *ways(data, rest[:size])))
        rest = rest[size:]
    return between.join(parts)


def in_english(data: st.DataObject, digits: str) -> list[str]:
    number, size, first = int(digits), len(digits), int(digits[0])
    ways = [" ".join(ONES[int(digit)] for digit in digits), digits]
    if digits[0] != "0":
        ways.append(english(data, number))
        if size == 4 and digits[1] != "0":
            ways.append(english_hundreds(data, number))
    if digits == digits[0] * size and 2 <= size <= 8:
        ways.append(f"{ONES[size]} {MANY[first]}")
        ways += [f"{('double', 'triple', 'quadruple')[size - 2]} {ONES[first]}"] if size < 5 else []
    return ways


def in_chinese(data: st.DataObject, digits: str) -> list[str]:
    one_by_one = "".join(one_of(data, *HAN_ALSO[int(digit)]) for digit in digits)
    ways = [one_by_one, digits, "".join(chr(ord("０") + int(digit)) for digit in digits)]
    if digits[0] != "0":
        ways.append(chinese(data, int(digits)))
    if digits == digits[0] * len(digits) and len(digits) > 1:
        count = one_of(data, HAN[len(digits)], str(len(digits)), *("两" if len(digits) == 2 else ""))
        ways.append(f"{count}个{HAN[int(digits[0])]}")
    return ways


def in_korean(data: st.DataObject, digits: str) -> list[str]:
    ways = [one_of(data, "", " ").join(SINO[int(digit)] for digit in digits), digits]
    ways.append(" ".join(NATIVE[int(digit)] for digit in digits))
    if digits[0] != "0":
        ways.append(korean(data, int(digits)))
        if len(digits) == 2:
            ways.append(NATIVE_TENS[int(digits[0])] + (NATIVE[int(digits[1])] if digits[1] != "0" else ""))
    if digits == digits[0] * len(digits) and 1 < len(digits) < len(COUNTS):
        ways.append(f"{SINO[int(digits[0])]} {COUNTS[len(digits)]} 개")
    return ways


@settings(deadline=None)
@given(st.data(), SECRETS)
def test_no_mixture_of_ways_comes_through(data: st.DataObject, secret: str) -> None:
    said = spelled(data, secret, in_english, one_of(data, " ", ", ", " uh "))
    assert masked(f"I said {said}, please", secret, "***", "…") == "I said ***, please"
    said = spelled(data, secret, in_chinese, one_of(data, "", ",", "、", "嗯"))
    assert masked(f"我说过是{said}。谢谢", secret, "***", "…") == "我说过是***。谢谢"
    said = spelled(data, secret, in_korean, one_of(data, " ", ", ", " 다시 ", " 그리고 "))
    assert masked(f"제 번호는 {said}입니다", secret, "***", "…") == "제 번호는 ***입니다"


@settings(deadline=None)
@given(st.data(), st.text("234", min_size=3, max_size=8), st.text("05678", min_size=1, max_size=8))
def test_digits_that_the_secret_has_not_stay(data: st.DataObject, secret: str, other: str) -> None:
    for ways, between in ((in_english, " "), (in_chinese, ","), (in_korean, " ")):
        said = spelled(data, other, ways, between)
        assert masked(said, secret, "***", "…") == said


@settings(deadline=None)
@given(SECRETS)
def test_sentences_stay(secret: str) -> None:
    for text in (
        "I won't have time to wait for a man who ate two of those",
        "一个人在两个地方等了三个小时,万一不行就算了",
        "하지만 이 사람은 천천히 말하고 만나면 백화점에 가요",
        "네, 이사 가신 분이 하나 더 있어요",
    ):
        assert masked(text, secret, "***", "…") == text
        assert not list(runs(text))


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("a hundred and twenty three", "123"),
        ("four thousand five hundred sixty seven", "4567"),
        ("4 thousand 5 hundred", "4500"),
        ("double seven triple zero", "77000"),
        ("four sevens", "7777"),
        ("四个七", "7777"),
        ("4个７", "7777"),
        ("两千二", "2200"),
        ("一百十五", "115"),
        ("３千４百５十６", "3456"),
        ("35万", "350000"),
        ("壹仟贰佰叁拾肆", "1234"),
        ("兩萬零一", "20001"),
        ("일이삼사", "1234"),
        ("공일공에 일이삼사", "0101234"),
        ("백이십삼", "123"),
        ("천오", "1005"),
        ("칠 네 개", "7777"),
        ("마흔일곱 열하나", "4711"),
    ],
)
def test_a_run_is_read_as_the_number_it_is(text: str, digits: str) -> None:
    assert list(runs(text)) == [digits]


def test_figures_of_full_width_are_figures() -> None:
    assert masked("是１２，不是12", "12", "***", "…") == "是***，不是***"
    assert masked("是 4711", "４７１１", "***", "…") == "是 ***"
