"""Closed lists of English words that carry structure or carry none."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SEQUENCE_CUES = _words(
    """
    first firstly second secondly third thirdly next then afterwards afterward later finally lastly last now
    subsequently
    """
)
"""Adverbs that place a step in an order."""
CONDITION_MARKS = _words("if unless")
AFTER_MARKS = _words("after when once whenever")
BEFORE_MARKS = _words("before")
PARALLEL_MARKS = _words("while whilst whereas meanwhile meantime simultaneously")
PARALLEL_PHRASES = frozenset({"at the same time", "in parallel", "in the meantime", "in the meanwhile"})
REFUSING_VERBS = _words("reject deny refuse decline dismiss cancel discard")
"""Verbs after which a matter is over, if it goes on at all."""
FAILURE_NOUNS = _words("failure error rejection refusal")
OTHERWISE = _words("otherwise else")
LIGHT_VERBS = _words("begin start need want have go proceed continue try get use decide choose")
"""Verbs that hand their meaning to an infinitive: "starts to boil" is boiling."""
STATIVE_VERBS = _words(
    """
    be seem appear mean know think guess believe feel like love hate hope wish want need have own contain consist
    include involve belong matter depend exist remain differ welcome thank resemble cost last weigh concern regard
    deserve lack equal represent constitute understand remember forget realize notice wonder suppose imagine say tell
    talk mention explain describe discuss speak argue claim suggest happen occur tend help let agree disagree prefer
    doubt expect assume sound can could will would ensure enable lead
    """
)
"""Verbs that tell a state, an opinion or speech about speech: no step is drawn for them."""
SPEECH_VERBS = _words("suggest claim describe discuss explain mention tell help say agree weigh")
"""Verbs of `STATIVE_VERBS` that are something done when someone named does them to something ("suggests changes")."""
STAGE_VERBS = _words(
    """
    look see consider talk begin start follow compare turn go walk dive discuss review explore examine summarize
    conclude finish recap draw estimate learn cover imagine suppose think remember recall move take work
    """
)
"""Verbs by which a speaker ("let us look at …", "we will start with …") moves through the talk itself."""
ANNOUNCING_PREPOSITIONS = _words("at to about on with into through")
EXIT_VERBS = _words("end finish stop return exit cancel reject abort terminate refuse quit show answer fail")
"""Verbs after which a branch does not join the rest."""
EXIT_ADVERBS = _words("once immediately directly straight away instantly")
"""Adverbs ("at once", "right away") that close a branch."""
TERMINAL_VERBS = _words("start begin end finish terminate complete conclude")
CONTINUING_VERBS = _words("continue proceed resume")
PROCESS_NOUNS = _words("process procedure workflow cycle job program algorithm run session story")
STEP_NOUNS = _words("step stage phase task activity thing part move job operation")
CHECK_VERBS = _words("check test see verify determine decide ask examine look")
"""Verbs whose "whether" clause is a decision."""
DECIDE_VERBS = _words("decide determine find see notice conclude turn")
"""Verbs whose "that" clause is the condition itself."""
DIRECTIONS = _words(
    """
    back up down out away off in over again together forward forwards backwards home apart aside around across along
    through twice
    """
)
"""Adverbs that belong to the meaning of their verb."""
OPPOSITES = frozenset(
    frozenset(pair.split("/"))
    for pair in _words(
        """
    present/missing present/absent found/missing valid/invalid hit/miss true/false succeed/fail pass/fail accept/reject
    accepted/rejected approve/reject approved/rejected approve/deny open/closed empty/full available/unavailable
    correct/incorrect correct/wrong right/wrong complete/incomplete on/off good/bad positive/negative new/old
    known/unknown healthy/unhealthy ready/busy yes/no agree/disagree agree/refuse work/fail high/low hot/cold
    acceptable/unacceptable match/differ possible/impossible successful/unsuccessful alive/dead
    """
    )
)
"""Words whose conditions are the two answers to one question."""
COUNTING_NOUNS = _words("dozen hundred thousand million billion trillion")
"""Nouns of number: what they count stands behind their "of"."""
UNITS = _words(
    """
    nanosecond microsecond millisecond second minute hour day week month year decade century ms percent % degree celsius
    fahrenheit kelvin metre meter kilometre kilometer centimetre centimeter millimetre millimeter mile foot inch yard km
    cm mm gram kilogram kg tonne ton pound ounce litre liter millilitre milliliter gallon watt kilowatt megawatt volt
    amp joule calorie hertz kilohertz megahertz gigahertz byte kilobyte megabyte gigabyte terabyte kb mb gb tb bit euro
    dollar cent times
    """
)
"""Units by which a number becomes a quantity."""
FILLERS = _words(
    """
    um uh er erm hmm basically actually literally really just very quite simply obviously honestly totally pretty
    """
)
"""Words that add nothing to a label."""
OPENERS = _words(
    """
    so and but well now okay ok right because or yes yeah oh also then however anyway um uh actually basically
    """
)
"""Words left out where they open a key phrase."""
VAGUE_NOUNS = _words(
    """
    thing things something anything everything nothing one ones way lot bit kind sort type part example case time people
    person stuff point number idea fact moment day end reason question lesson today kinds sorts ways order place side
    sides rest step steps
    """
)
"""Nouns too vague to stand in a title by themselves."""
FUNCTION_WORDS = _words(
    """
    a an the of to in on at by for with from into onto and or as is are be was were been being do does did has have had
    will would can could may might must shall should it its he him his she her they them their we us our you your i me
    my this that these those there here who which what how why when where so than then also over up down out off through
    back until about between after before under within again if both each every some any all more most such own
    same
    """
)
"""Words that carry structure. Negations are not among them."""
_TELLING_WORDS = _words(
    """
    will would can could may might must shall should up down on off out over under before after until
    all each every some any more most
    """
)
"""Function words that turn what is said into something else: "goes up" and "goes down", "may rise" and "will rise"."""
FREE_WORDS = FUNCTION_WORDS - _TELLING_WORDS
"""Words that a label may hold without evidence of their own."""
NEGATIVE_ADVERBS = _words("hardly rarely seldom barely scarcely")
"""Adverbs without which a clause says the opposite."""
NEARLY = _words("almost nearly")
"""Adverbs without which a clause says that something happened which did not."""
NOBODY = _words("nobody nothing none neither")
"""Subjects that deny their clause."""
DENIALS = NEGATIVE_ADVERBS | NOBODY | _words("no not never nor without nowhere cannot n't")
"""Words by which something is denied."""
TIME_NOUNS = _words(
    """
    millisecond second minute hour day week month year decade century age time moment morning evening afternoon night
    spring summer autumn winter
    """
)
"""Nouns of time: what they measure stands beside a label, not in it."""
ASIDES = _words("course example instance fact general addition reason kind sort way case particular total turn effect word")
"""Nouns of prepositional phrases that only colour a sentence ("of course", "for example")."""

MEASURE_VERBS = _words("take last cost require need weigh measure")
"""Verbs whose object is a quantity of what was told before."""
KIND_NOUNS = _words(
    """
    type kind category class group form sort variety part component section branch level layer family division subtype
    subset genre species element piece segment stage region area unit module style example factor aspect subgroup
    subcategory tier rank order phylum dimension way field
    """
)
"""Nouns by which a whole is divided: "three kinds of …", "two groups"."""
COLLECTIVE_NOUNS = _words(
    "number variety range series set lot couple wealth array mixture combination host bunch mix pair wave generation"
)
"""Nouns of amount, whose matter stands behind their "of"."""
VAGUE_ADJECTIVES = _words(
    """
    following above such different various several many certain main few separate own same distinct common basic key
    overall specific particular typical numerous multiple additional broad
    """
)
"""Adjectives that tell nothing of a thing in a list."""
PART_VERBS = _words("include contain comprise encompass have incorporate feature hold combine cover offer span house bundle")
"""Verbs whose object is a part of their subject, kind or content."""
DIVIDE_VERBS = _words(
    """
    divide split break subdivide separate classify categorize categorise group organize organise arrange sort partition
    fall segment
    """
)
"""Verbs of division: "is divided into …"."""
COMPOSE_VERBS = _words("consist compose make comprise form")
"""Verbs of composition: "consists of …", "is made up of …"."""
NAME_VERBS = _words("call name term know refer classify label designate dub title")
"""Verbs that give a name: "are called …", "is known as …"."""
ORDINALS = _words("first second third fourth fifth sixth one another other last former latter next final")
"""Words that pick a member out of a list."""
EXAMPLE_NOUNS = _words("example instance member")
"""Nouns that call their matter an example of a whole."""
LEADING_VERBS = _words("oversee supervise lead head command direct govern manage")
"""Verbs whose subject ranks above their object."""
REPORTING_VERBS = _words(
    """
    think say believe argue claim suggest know mean guess feel note observe find show report state imply explain suppose
    assume tell see indicate hope realize remember imagine expect agree
    """
)
"""Verbs whose clause is what is told; they themselves only say who tells it."""
HOLDING_VERBS = _words("have include contain comprise feature offer provide use encompass incorporate hold be need mean")
"""Verbs whose object by itself says what is told of their subject."""
CONTRAST_OPENERS = _words("however whereas while conversely instead but unlike contrast")
"""Words by which a clause is set against the one in front."""
CONTRAST_NOUNS = _words("difference distinction contrast comparison similarity tradeoff trade-off choice versus relationship gap")
"""Nouns whose "between" names what is compared."""
PERSON_NOUNS = _words("individual people person worker member employee user one those patient customer child student")
"""Nouns of people, whose kind stands behind them: "individuals in line positions"."""
GOOD_SIDES = _words("advantage pro pros benefit upside strength plus merit gain")
BAD_SIDES = _words("disadvantage con cons drawback downside weakness minus limitation shortcoming risk")
"""Nouns that are themselves the two sides of a comparison."""
IDEA_NOUNS = _words("idea belief notion view theory principle concept claim thought assumption theme")
"""Nouns whose clause says what they are: "the idea that knowledge comes from experience"."""
