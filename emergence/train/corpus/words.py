"""Words and sentences of the two languages; the world that both speak of.

A :class:`Language` is all that a generator needs to write a document: tables of words and
templates.  The tables of the two languages have the same shape, so that one generator serves
both.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """Words and templates of one language; ``space`` stands between words and sentences.

    ``attributes`` maps a template of a statement and of its question to the possible values;
    ``scripts`` maps a place to what one gets there, common places first; ``reasons`` lists a
    verb, the reason that speaks of its subject, and the one that speaks of its object, the verbs
    that are met often first.
    """

    name: str
    space: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    full_name: str
    attributes: tuple[tuple[str, str, tuple[str, ...]], ...]
    scripts: tuple[tuple[str, str], ...]
    goes: str
    gets: str
    colours: tuple[str, ...]
    things: tuple[str, ...]
    holds: str
    which: str
    reasons: tuple[tuple[str, str, str], ...]
    because: str
    means: str
    asks_subject: str
    asks_object: str
    asks: str
    question: str
    answer: str
    has: str
    gain: str
    loss: str
    total: str
    nouns: tuple[str, ...]
    verbs: tuple[str, ...]
    adjectives: tuple[str, ...]
    sentence: str


ENGLISH = Language(
    name="en",
    space=" ",
    given=(
        "Anna", "Tom", "Maria", "John", "Lucy", "Peter", "Emma", "Paul", "Nina", "Mark",
        "Clara", "Adam", "Julia", "Simon", "Rosa", "Felix", "Helen", "David", "Alice", "Oscar",
        "Laura", "Henry", "Sarah", "George", "Ella",
    ),
    family=(
        "Reed", "Stone", "Hill", "Baker", "Wood", "Lake", "King", "Fisher", "Young", "Brook",
    ),
    full_name="{given} {family}",
    attributes=(
        ("{who} lives in {what}.", "Where does {who} live?",
         ("Oslo", "Paris", "Rome", "Cairo", "Lima", "Delhi", "Tokyo", "Seoul", "Vienna",
          "Dublin", "Athens", "Havana")),
        ("{who} works as a {what}.", "What is the work of {who}?",
         ("doctor", "farmer", "singer", "teacher", "cook", "pilot", "painter", "writer",
          "nurse", "lawyer", "sailor", "tailor")),
        ("{who} owns a {what}.", "What animal does {who} own?",
         ("dog", "cat", "horse", "goat", "parrot", "rabbit", "turtle", "sheep", "duck", "pony",
          "mouse", "camel")),
        ("{who} likes {what}.", "What food does {who} like?",
         ("rice", "bread", "soup", "cheese", "fish", "beans", "honey", "salad", "pasta",
          "cake", "nuts", "corn")),
    ),
    scripts=(
        ("bakery", "loaf"), ("library", "book"), ("station", "ticket"), ("bank", "loan"),
        ("garden", "flower"), ("school", "lesson"), ("harbour", "boat"), ("market", "apple"),
        ("museum", "statue"), ("forest", "mushroom"), ("kitchen", "pot"), ("office", "letter"),
        ("theatre", "seat"), ("hospital", "bandage"), ("stable", "saddle"), ("mill", "flour"),
        ("church", "prayer"), ("cafe", "coffee"), ("beach", "towel"), ("castle", "crown"),
        ("vineyard", "wine"), ("quarry", "marble"), ("court", "verdict"), ("studio", "song"),
        ("barber", "shave"), ("pharmacy", "pill"), ("cinema", "film"), ("hotel", "room"),
        ("airport", "flight"), ("gym", "medal"), ("zoo", "feather"), ("tower", "view"),
    ),
    goes="{who} went to the {where}.",
    gets="There {who} got the",
    colours=(
        "red", "blue", "green", "black", "white", "yellow", "brown", "pink", "grey", "purple",
        "orange", "golden", "silver", "violet",
    ),
    things=(
        "key", "ring", "coin", "map", "pen", "ball", "knife", "lamp", "spoon", "shell", "stamp",
        "watch", "brush", "candle",
    ),
    holds="The {colour} box holds the {thing}.",
    which="Which box holds the {thing}?",
    reasons=(
        ("thanked", "had been helped", "had given help"),
        ("feared", "was weak", "was cruel"),
        ("taught", "knew a lot", "knew nothing"),
        ("paid", "owed money", "had sold a horse"),
        ("followed", "was lost", "knew the way"),
        ("fed", "had food", "was hungry"),
        ("beat", "was stronger", "was slower"),
        ("envied", "had little", "had a lot"),
        ("helped", "was kind", "was in need"),
        ("chased", "was angry", "ran away"),
        ("praised", "was pleased", "did well"),
        ("asked", "wanted to know", "had the answer"),
        ("hired", "needed a worker", "needed work"),
        ("scolded", "was strict", "was late"),
        ("visited", "had come far", "was at home"),
        ("robbed", "was a thief", "was rich"),
        ("healed", "had medicine", "was ill"),
        ("woke", "was up early", "was asleep"),
        ("carried", "had strong arms", "could not walk"),
        ("copied", "was lazy", "had good notes"),
        ("guided", "held the light", "saw nothing"),
        ("warned", "saw the danger", "was careless"),
        ("begged", "had no bread", "had bread left"),
        ("forgave", "was gentle", "was sorry"),
        ("saved", "could swim", "fell into the water"),
        ("mocked", "was rude", "was clumsy"),
        ("trusted", "needed advice", "was honest"),
        ("greeted", "was polite", "had just arrived"),
        ("caught", "ran faster", "had stolen"),
        ("missed", "was left behind", "had gone away"),
    ),
    # Words before the first name, so that it is the same token here and in the answer.
    because="One day {a} {verb} {b}, for one of them {reason}.",
    means="Who {reason}?",
    asks_subject="Who {verb} {b}?",
    asks_object="{a} {verb} whom?",
    asks="What does one get at the {where}?",
    question="Question:",
    answer="Answer:",
    has="{who} has {a} apples.",
    gain="{who} gets {b} more.",
    loss="{who} eats {b}.",
    total="How many apples?",
    nouns=(
        "man", "woman", "child", "river", "house", "tree", "road", "bird", "stone", "cloud",
        "mountain", "village", "window", "letter", "wind", "friend", "winter", "morning",
        "bridge", "sea",
    ),
    verbs=(
        "sees", "finds", "loves", "hears", "leaves", "meets", "holds", "follows", "hides",
        "knows", "makes", "brings", "forgets", "calls",
    ),
    adjectives=(
        "old", "small", "quiet", "cold", "bright", "long", "dark", "young", "strange", "empty",
        "warm", "wild",
    ),
    sentence="The {adjective} {noun} {verb} the {other}.",
)  # fmt: skip

CHINESE = Language(
    name="zh",
    space="",
    given=(
        "明", "华", "丽", "强", "芳", "伟", "静", "军", "敏", "杰", "娜", "涛", "艳", "勇", "梅",
        "辉", "兰", "鹏", "霞", "斌", "玲", "龙", "雪", "峰", "云",
    ),
    family=(
        "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴",
    ),
    full_name="{family}{given}",
    attributes=(
        ("{who}住在{what}。", "{who}住在哪里?",
         ("北京", "上海", "南京", "西安", "广州", "成都", "武汉", "天津", "杭州", "重庆",
          "长沙", "青岛")),
        ("{who}的工作是{what}。", "{who}的工作是什么?",
         ("医生", "农民", "歌手", "老师", "厨师", "司机", "画家", "作家", "护士", "律师",
          "水手", "裁缝")),
        ("{who}养了{what}。", "{who}养了什么?",
         ("狗", "猫", "马", "羊", "鸟", "兔", "龟", "牛", "鸭", "鸡", "鼠", "鱼")),
        ("{who}爱吃{what}。", "{who}爱吃什么?",
         ("米饭", "面包", "汤", "豆腐", "饺子", "面条", "蜂蜜", "青菜", "包子", "蛋糕",
          "花生", "玉米")),
    ),
    scripts=(
        ("面包店", "面包"), ("图书馆", "书"), ("车站", "车票"), ("银行", "贷款"), ("花园", "花"),
        ("学校", "课本"), ("港口", "船"), ("市场", "苹果"), ("博物馆", "雕像"), ("森林", "蘑菇"),
        ("厨房", "锅"), ("邮局", "信"), ("剧院", "座位"), ("医院", "药"), ("马房", "马鞍"),
        ("磨坊", "面粉"), ("寺庙", "香"), ("咖啡馆", "咖啡"), ("海滩", "毛巾"), ("城堡", "王冠"),
        ("酒庄", "酒"), ("石场", "石料"), ("法院", "判决"), ("录音棚", "歌"), ("理发店", "发型"),
        ("药房", "药片"), ("电影院", "电影"), ("旅馆", "房间"), ("机场", "机票"),
        ("体育馆", "奖牌"), ("动物园", "羽毛"), ("高塔", "风景"),
    ),
    goes="{who}去了{where}。",
    gets="{who}在那里拿到了",
    colours=(
        "红", "蓝", "绿", "黑", "白", "黄", "棕", "粉", "灰", "紫", "橙", "金", "银", "青",
    ),
    things=(
        "钥匙", "戒指", "硬币", "地图", "钢笔", "皮球", "小刀", "台灯", "勺子", "贝壳", "邮票",
        "手表", "刷子", "蜡烛",
    ),
    holds="{colour}盒子里有{thing}。",
    which="哪个盒子里有{thing}?",
    reasons=(
        ("感谢", "得到了帮助", "给了帮助"),
        ("害怕", "很弱", "很凶"),
        ("教", "懂得很多", "什么也不懂"),
        ("付钱给", "欠了钱", "卖了马"),
        ("跟着", "迷了路", "认得路"),
        ("喂", "有吃的", "饿了"),
        ("打败", "更强", "更慢"),
        ("羡慕", "什么都没有", "什么都有"),
        ("帮助", "很好心", "有难处"),
        ("追赶", "生了气", "跑掉了"),
        ("表扬", "很满意", "做得好"),
        ("请教", "想知道", "有答案"),
        ("雇用", "缺人手", "缺活干"),
        ("责备", "很严格", "迟到了"),
        ("拜访", "远道而来", "正在家里"),
        ("抢劫", "是强盗", "很有钱"),
        ("医治", "会看病", "病了"),
        ("叫醒", "起得早", "还在睡"),
        ("背着", "力气大", "走不动"),
        ("抄袭", "很懒", "笔记好"),
        ("领着", "提着灯", "看不见"),
        ("提醒", "看到了危险", "太大意"),
        ("恳求", "断了粮", "有余粮"),
        ("原谅", "很大度", "认了错"),
        ("救起", "会游泳", "掉进水里"),
        ("嘲笑", "很无礼", "很笨拙"),
        ("信任", "要听意见", "很诚实"),
        ("迎接", "很有礼貌", "刚刚到"),
        ("抓住", "跑得更快", "偷了东西"),
        ("想念", "留了下来", "走远了"),
    ),
    because="{a}{verb}{b},因为其中一个{reason}。",
    means="谁{reason}?",
    asks_subject="谁{verb}{b}?",
    asks_object="{a}{verb}谁?",
    asks="在{where}能拿到什么?",
    question="问:",
    answer="答:",
    has="{who}有 {a} 个苹果。",
    gain="{who}又得到 {b} 个。",
    loss="{who}吃了 {b} 个。",
    total="有几个苹果?",
    nouns=(
        "男人", "女人", "孩子", "河", "房子", "树", "路", "鸟", "石头", "云", "山", "村子",
        "窗户", "信", "风", "朋友", "冬天", "早晨", "桥", "海",
    ),
    verbs=(
        "看见", "找到", "爱", "听见", "离开", "遇见", "拿着", "跟着", "藏起", "知道", "做", "带来",
        "忘记", "叫",
    ),
    adjectives=(
        "老", "小", "安静的", "冷", "明亮的", "长", "黑", "年轻的", "奇怪的", "空", "暖和的", "野",
    ),
    sentence="{adjective}{noun}{verb}{other}。",
)  # fmt: skip

LANGUAGES = {language.name: language for language in (ENGLISH, CHINESE)}
