"""Grammar of the books domain: 9 intents; a book that is described, not just titled, is an intent inside a slot.

`read the winter harbor` has the slot TITLE; `read the winter harbor by anna carter` has the slot BOOK, which holds a
FIND_BOOK of its own.
"""

INTENT_WEIGHTS = {
    "$read_book": 34, "$find_book": 12, "$go_to": 11, "$set_speed": 6, "$set_sleep_timer": 7, "$borrow_book": 16,
    "$add_to_list": 13, "$get_detail": 16, "$add_bookmark": 6,
}  # fmt: skip

NAMES = frozenset({"$title", "$author"})

RULES: dict[str, list[str]] = {
    # Slots
    "$TITLE": ["[SL:TITLE $title ]"],
    "$AUTHOR": ["[SL:AUTHOR $author ]"],
    "$NARRATOR": ["[SL:NARRATOR $author ]"],
    "$TOPIC": ["[SL:TOPIC $noun ]"],
    "$A_GENRE": ["a $BOOK_GENRE", "a $BOOK_GENRE", "a $BOOK_GENRE", "a $BOOK_GENRE", "an [SL:BOOK_GENRE adventure ]"],
    "$BOOK_GENRE": ["[SL:BOOK_GENRE (mystery|romance|history|fantasy|horror|travel) ]"],
    "$BOOK_ORDER": ["[SL:BOOK_ORDER (newest|first|last|next) ]"],
    "$CHAPTER": ["[SL:CHAPTER $number ]"],
    "$PAGE": ["[SL:PAGE $number ]", "[SL:PAGE $number ]", "[SL:PAGE $tens (three|five|six|seven|nine) ]"],
    "$tens": ["(twenty|thirty|forty|fifty)"],
    "$SPEED": ["[SL:SPEED (faster|slower) ]"],
    "$SLEEP_TIME": ["[SL:SLEEP_TIME $number minutes ]"],
    "$LIST": ["[SL:READING_LIST $list ]"],
    "$BOOK": ["[SL:BOOK [IN:FIND_BOOK $description ] ]"],
    "$number": ["(three|five|six|seven|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty)"],
    # Names
    "$title": [
        "the $adj $noun", "the $adj $noun", "the $adj $noun", "the $adj $noun", "$adj $noun", "$adj $noun",
        "the $noun of the $noun", "the $noun and the $noun", "the $noun behind the $noun",
    ],
    "$author": ["$first $last"],
    "$list": ["(winter|summer|autumn|weekend|holiday|family|school|evening)"],
    # Phrases
    "$pre": ["", "", "", "", "", "", "please", "can you", "could you"],
    "$kind": ["(book|novel|story)"],
    "$description": ["$known", "$known", "$unknown"],
    "$known": [
        "$TITLE by $AUTHOR",
        "$TITLE by $AUTHOR",
        "the $BOOK_ORDER $kind by $AUTHOR",
        "the $kind called $TITLE",
        "$TITLE narrated by $NARRATOR",
    ],
    "$unknown": [
        "$A_GENRE $kind (||by $AUTHOR|narrated by $NARRATOR|about the $TOPIC)",
        "a $kind (by $AUTHOR|narrated by $NARRATOR|about the $TOPIC)",
    ],
    "$which": ["$TITLE", "$BOOK", "$BOOK", "$BOOK"],
    # Intents
    "$read_book": [
        "[IN:READ_BOOK $pre read (|me|us) $TITLE ]",
        "[IN:READ_BOOK $pre read (me|us) $BOOK ]",
        "[IN:READ_BOOK $pre read (me|us) $BOOK ]",
        "[IN:READ_BOOK $pre (read|start) $BOOK ]",
        "[IN:READ_BOOK $pre start reading $which ]",
        "[IN:READ_BOOK $pre open $which ]",
        "[IN:READ_BOOK (keep|continue) reading (|$TITLE|the $kind called $TITLE) ]",
        "[IN:READ_BOOK $pre read (|me) chapter $CHAPTER of $TITLE ]",
        "[IN:READ_BOOK $pre read (|me) $TITLE from (chapter $CHAPTER|page $PAGE) ]",
    ],
    "$find_book": [
        "[IN:FIND_BOOK $pre (find|find me|look for|search for) $description ]",
        "[IN:FIND_BOOK $pre (find|look for|search for) $TITLE ]",
        "[IN:FIND_BOOK do you have $description ]",
        "[IN:FIND_BOOK is there $unknown in the library ]",
        "[IN:FIND_BOOK does the library have $description ]",
    ],
    "$go_to": [
        "[IN:GO_TO $pre (go|go back|skip|jump) to (chapter $CHAPTER|page $PAGE) ]",
        "[IN:GO_TO $pre (go|skip|jump) to (chapter $CHAPTER|page $PAGE) of $TITLE ]",
        "[IN:GO_TO $pre (open|turn to) page $PAGE (|of $TITLE|of the book) ]",
        "[IN:GO_TO (chapter $CHAPTER|page $PAGE) (|please) ]",
        "[IN:GO_TO $pre skip to the [SL:CHAPTER (next|last|first) ] chapter ]",
    ],
    "$set_speed": [
        "[IN:SET_READING_SPEED $pre read (|this|the book|the story|this chapter|this page) (|a little|much) $SPEED ]",
        "[IN:SET_READING_SPEED (make|let) the narrator (read|speak) (|a little|much) $SPEED ]",
        "[IN:SET_READING_SPEED i want (you|the narrator) to (read|speak) (|a little|much) $SPEED ]",
    ],
    "$set_sleep_timer": [
        "[IN:SET_SLEEP_TIMER $pre stop reading (|the book|the story|this book) (in|after) $SLEEP_TIME ]",
        "[IN:SET_SLEEP_TIMER $pre (close|turn off) (the book|the story|this book) (in|after) $SLEEP_TIME ]",
        "[IN:SET_SLEEP_TIMER keep reading (|the book|the story|this book) for $SLEEP_TIME ]",
        "[IN:SET_SLEEP_TIMER stop reading $TITLE (in|after) $SLEEP_TIME ]",
    ],
    "$borrow_book": [
        "[IN:BORROW_BOOK $pre borrow $which (|for me) ]",
        "[IN:BORROW_BOOK $pre borrow $which from the library ]",
        "[IN:BORROW_BOOK $pre borrow $BOOK ]",
        "[IN:BORROW_BOOK (can i|may i|i want to|let me) borrow $which ]",
    ],
    "$add_to_list": [
        "[IN:ADD_TO_READING_LIST $pre (add|save) $which to my (|$LIST) reading list ]",
        "[IN:ADD_TO_READING_LIST $pre put $which on my (|$LIST) reading list ]",
        "[IN:ADD_TO_READING_LIST (add|save) this $kind to my $LIST reading list ]",
    ],
    "$get_detail": [
        "[IN:GET_BOOK_DETAIL who is the [SL:DETAIL (author|narrator) ] of ($TITLE|this $kind) ]",
        "[IN:GET_BOOK_DETAIL how many [SL:DETAIL (pages|chapters) ] are (in|left in) ($TITLE|this $kind) ]",
        "[IN:GET_BOOK_DETAIL how many [SL:DETAIL (pages|chapters) ] does $which have ]",
        "[IN:GET_BOOK_DETAIL how [SL:DETAIL long ] is $which ]",
        "[IN:GET_BOOK_DETAIL how [SL:DETAIL long ] is (this chapter|this $kind|chapter $CHAPTER) ]",
        "[IN:GET_BOOK_DETAIL what is the [SL:DETAIL (title|length) ] of $BOOK ]",
    ],
    "$add_bookmark": [
        "[IN:ADD_BOOKMARK $pre (add|put) a bookmark on page $PAGE (|of $TITLE) ]",
        "[IN:ADD_BOOKMARK $pre (add|put) a bookmark in (chapter $CHAPTER|$TITLE|this chapter) ]",
        "[IN:ADD_BOOKMARK $pre mark (this page|this chapter|page $PAGE|page $PAGE of $TITLE) ]",
        "[IN:ADD_BOOKMARK $pre remember (page $PAGE|chapter $CHAPTER) (|of $TITLE) ]",
    ],
}  # fmt: skip
