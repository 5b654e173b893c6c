"""Words that stand with a capital letter and are no part of a name."""

from evaluation.metrics.facts.listed import listed

TITLES = frozenset(
    listed(
        "mr mrs ms miss mx dr doctor prof professor sir madam mayor president minister"
        " chairman director captain judge lord lady mister"
    )
)
# Put in capitals to be heard.
LOUD = frozenset(
    listed(
        "a all always and any are before after both can cannot do don't each every free if"
        " important is it may must never new no not note of on once only or please the this to"
        " until what when will with without yes you your"
    )
)
# What a sentence begins with.
STARTERS = frozenset(
    listed("""
    a about above according across add additional after again all allow alone along already also
    although always am among an and another any anybody anyone anything apart apply applicants
    approval are around as ask at avoid back be because been before begin below besides between
    block book both bring browse build but buy by call calling can cancel cancelling cannot carry
    change charges check choose claim claims claimants click close collect collection come
    complaints complete confirm congratulations consider contact could create currently customer
    customers dear deliver delivery deposit deposits despite details did dial do does don't
    download drop due during each either email enter entry especially even every everybody
    everyone except expect extra fees file fill find first flights follow following for from
    further get give given go good great guests half handle had has have he hello help hence her
    here hi his hold hours how however i if import important in include including indeed inform
    install instead interest into is isn't it its it's just keep kindly last later leave let
    letters like limit loans log long look mail make many may maybe members merely might mind
    money more moreover most much must my need neither never new next no nobody none nor normally
    not note nothing now of off office offer ok okay on once one only open or order orders other
    otherwise our out over own owners parcels parents park pay payment payments per perhaps pets
    please present press provide put quote raise rather read receive regarding regards register
    remember remove repairs report residents return returns run same save say see select send
    set several she should show sign simply since sincerely so some somebody someone sorry speak
    start statement statements stay still students submit such support sure take tell than thank
    thanks that the their them then there therefore these they thing this those though through
    thus till to today together tomorrow too trains travel try turn two type under unless until
    up update upload upon use used users using usually very via visit visitors wait want warning
    was we welcome well were what when whenever where whether which while who whoever whose why
    will with within without would write yes yesterday yet you your yours youre free true false
    minimum maximum attention urgent offers cover coverage
    assign calculate clean compare compute construct convert copy count decode define delete
    determine draw encode estimate evaluate execute extract fit fixture format generate
    implement insert iterate join list load map merge parse perform plot print
    process replace render reset restore sort split stop store test transform validate
    advise apologies assuming bear carry contrary depending drive ensure explain fetch had hand
    hello instead install invest kindly link live mention move notify notice obtain owing
    participants pick prepare prior report request respond review ring search share
    ship min max sell simple subject switch talk text total transfer verify walk watch wear work
    """)
)
# A name goes on over "of" after these at the beginning of a sentence.
BODIES = frozenset(
    listed(
        "bank ministry department university college house city church court bureau board"
        " office institute council federation union kingdom republic school state government"
    )
)
