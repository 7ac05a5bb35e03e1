r"""The marks that responses are written with: around thinking, around answers, in front of answers, at the end.

<think>…</think>  <answer>7</answer>  \boxed{7}  <|begin_of_box|>7<|end_of_box|>  "The answer is 7."  "故选B"
"""

import re

THINKING = "think|thinking|thought|thoughts|reasoning|reason|analysis|scratchpad|reflection|summary|caption"
"""Tags around what is not the answer, including LLaVA-CoT's sections."""

ANSWERS = "answer|final_answer|finalanswer|final-answer|conclusion"
"""Tags around an answer."""

KEYS = ("answer", "final_answer", "finalAnswer", "Answer", "final answer", "答案")
"""Keys of an answer in a JSON object."""

# White space is possessive (\s*+, \s++) wherever more could follow it: else a long run of it takes quadratic time.
_OPEN = rf"<\s*+(?:{ANSWERS})\s*+>"
THINK = re.compile(
    rf"<\s*+(?P<closed>/?)\s*+(?:{THINKING})\s*+>|◁(?P<closed_kimi>/?)think▷|\[(?P<closed_magistral>/?)THINK\]",
    re.IGNORECASE,
)
ANSWER = re.compile(rf"{_OPEN}(?:((?:(?!{_OPEN}).)*?)<\s*+/\s*+(?:{ANSWERS})\s*+>)?", re.I | re.S)
BOX = re.compile(r"\\(?:boxed|fbox|beginboxed)\s*+(?:\{|(?=[0-9A-Za-z]))|<\|begin_of_box\|>")
HARMONY = re.compile(r"<\|channel\|>\s*+(\w++)[^<]{0,100}+<\|message\|>")
END = re.compile(
    r"<\|(?!begin_of_box|end_of_box|channel|message|start)[^<>|]{1,40}\|>|</?s>|<eos>|<end_of_turn>|<｜[^<>｜]{1,40}｜>"
)

_ENGLISH = (
    r"(?:\b(?:final|correct|right|best|exact|closest|only|possible|my|the|our|your)\s++(?:possible\s++)?answers?"
    r"(?:\s++(?:here|choice|option))?"
    r"|(?<!wrong )(?<!incorrect )(?<!false )(?<!initial )(?<!first )\banswers?(?=\s*+(?:[:：=]|is\b))"
    r"|\b(?:correct|right|best|appropriate|suitable|fitting)\s++(?:option|choice|one|statement|alternative)s?"
    r"|\bfinal\s++result|\banswers?(?=\s*+(?:\\[\[(]|\$|[-+]?\d|->|→|[-–—]\s)))"
    r"(?:\s++(?:to|of|for)\s++(?:the|this)\s++(?:\w++\s++)?(?:question|problem|exercise|puzzle))?"
    r"\s*+\**+\s*+"
    r"(?:(?:is|are|was|would be|will be|should be|must be|appears to be|seems to be|equals)\b"
    r"(?:\s++(?:therefore|thus|simply|just|then|for sure|clearly|definitely|approximately|about))?\s*+[:：]?"
    r"|[:：=→]|->|[-–—](?=\s)|(?=\\[\[(]|\$|[-+]?\d))"
)
_ROMANCE = (
    r"\b(?:la\s+|a\s+|il\s+)?(?:bonne\s+|buena\s+)?(?:réponse|respuesta|resposta|risposta|solución|solução)"
    r"(?:\s+(?:correcte?a?|correta|corretta|exacte|finale?))?\s*+\**+\s*+"
    r"(?:(?:est|es|é|è)\b(?:\s+(?:la|a|le|el|o)\b)?\s*+[:：]?|[:：])"
)
_GERMANIC = (
    r"\b(?:(?:richtige|korrekte|endgültige)\s+)?(?:antwort|lösung|endergebnis|antwoord)\s*+\**+\s*+"
    r"(?:(?:ist|lautet|is)\b\s*+(?:daher\s+|also\s+|somit\s+)?[:：]?|[:：])"
)
_OTHERS = (
    r"\b(?:đáp án|ответ|cevap|jawaban|odpowiedź|उत्तर)\s*+(?:(?:là|:|：|adalah|-)\s*+)"
    r"|(?:الإجابة|الجواب|الاجابة)(?:\s+(?:الصحيحة|الصحيح|النهائية|النهائي))?\s*+(?:هي|هو|:)\s*+:?"
    r"|(?:정답|답|최종 답|최종답)\s*+(?:은|는|이|:|：)\s*+"
    r"|(?:答え|答|正解|解答|回答)\s*+は\s*+[、:：]?"
)
_CHINESE = (
    r"(?:【(?:答案|最终答案)】|答案\s*+(?:应该是|应当是|应为|选|是|为|[:：])|[答解]\s*+[:：](?=[^∵∴])"
    r"|(?:故|应|所以|因此|应该|本题|本题应|故本题|正确选项)选择?|(?:该|正确)?选项\s*+(?:应该是|应为|是|为|[:：])"
    r"|(?:^|(?<=[。，,\n]))选择?(?=\s*+[:：]?\s*+[（(]?[A-H①-⑨](?![A-Za-z])))\s*+[:：]?"
)
_BARE = (
    r"(?:^|(?<=\n))[ \t#*>✅☑✔➡️-]*+(?:final\s++)?answer\s*+\**+\s*+(?=\n)"
    r"|(?:^|(?<=\n))####[ \t]++(?!(?:[Ff]inal\s|[Aa]nswer|[A-Z][a-z]))"
)
_MAY_BEGIN = r"(?:(?<!\w)(?:^|(?=[abcefijklmoprsty]))|(?=[^\x00-\x7f]))"  # tried first: most places begin no statement
STATEMENT = re.compile(
    rf"{_MAY_BEGIN}(?:{_ENGLISH}|{_ROMANCE}|{_GERMANIC}|{_OTHERS}|{_CHINESE}|{_BARE})\s*+\**+",
    re.IGNORECASE | re.MULTILINE,
)
_HINTS = (
    "answer correct right best appropriate suitable fitting result ponse esta osta soluc soluç antwor sung ergebnis "
    "đáp ответ cevap jawaban odpow उत्तर جابة جواب 답 答 正解 解 选 故 应 所以 因此 本题 ####"
)
HINTS = _HINTS.split()
"""One of them is in every statement."""

HEADING = re.compile(r"(?:^|\n)[ \t#*>✅☑✔➡️_-]*+(?:final\s++|correct\s++|my\s++)?$", re.IGNORECASE)
"""What stands before a statement that begins its line."""
