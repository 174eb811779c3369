"""Problems with what is to be predicted. A record straight on the topic gets the same codes, in its dead letter."""

from collections.abc import Mapping
from typing import Final

from api.problems.texts.text import Text
from streamapp.contracts.errors import Code

TEXTS: Final[Mapping[str, Text]] = {
    Code.NULL_RECORD: Text(
        "A record on the input topic has no value.",
        "A program wrote a null straight to the topic, as one does to delete a key of a compacted topic. The input "
        "topics are not compacted, and a null asks for nothing.",
        "Write requests only. Requests over HTTP cannot be null; this code is seen in dead letters.",
        "The record's value is null; a request is expected.",
    ),
    Code.MALFORMED_JSON: Text(
        "The bytes are not JSON, or not UTF-8.",
        "Often a body that was cut off, quotes that a shell has taken away, a trailing comma, or a text in Latin-1. "
        "JSON nested deeper than any request needs counts as well.",
        "Send what a JSON library has made, in UTF-8. `detail` says at which byte the reading stopped.",
        "JSON is malformed: trailing characters (byte 12).",
    ),
    Code.DUPLICATE_KEY: Text(
        "An object of the JSON has the same key twice.",
        "JSON leaves open which of the values counts, and programs differ: what one has checked, another would not "
        "read.",
        "Send each key once. Libraries that write JSON from a map do so by themselves.",
        "An object has a key twice; send each key once.",
    ),
    Code.TOO_DEEP: Text(
        "The rows are nested deeper than rows may be.",
        "A row is a flat object of numbers, strings, booleans and nulls. The bound is the setting "
        "`STREAMAPP_MAX_DEPTH`.",
        "Send flat rows.",
        "The rows are nested deeper than 32 levels (max_depth); a row is a flat object.",
        more={"pointer": "/data"},
    ),
    Code.DUPLICATE_KEY: Text(
        "An object has the same key twice.",
        "JSON leaves open which of the two values counts, and programs differ. `columns` or `data` may be given "
        "twice as well as a field of a row.",
        "Send each key once. JSON libraries do so; text that is put together by hand may not.",
        "An object has a key twice; send each key once.",
    ),
    Code.TOO_DEEP: Text(
        "Arrays and objects are nested deeper than any request needs.",
        "The bound is the setting `STREAMAPP_MAX_DEPTH`. A value of a row is a number, a text, true, false or null.",
        "Send flat rows.",
        "The rows are nested deeper than 32 levels (max_depth); a row is a flat object.",
        more={"pointer": "/data"},
    ),
    Code.MALFORMED_REQUEST: Text(
        "The JSON is no request.",
        "A request is an object with `data`, a list of rows, and `columns` where the rows are arrays. A record "
        "straight on the topic has them under `payload`, and `model` beside it.",
        'Send `{"data": [{"Designation": 1.5}]}`. `detail` names the first thing that does not fit.',
        'Object missing required field `data`. Send {"data": [{...}]}.',
    ),
    Code.EMPTY_DATA: Text(
        "There is no row, or a row without any value.",
        "`data` is an empty list, or a row is `{}` or holds nothing but nulls. Features may be left out, since the "
        "model's own pipeline fills them in, but not all of them.",
        "Send at least one row with at least one feature; leave the request out where there is nothing to predict.",
        "`data` is empty; send at least one row.",
        more={"pointer": "/data"},
    ),
    Code.UNKNOWN_MODEL: Text(
        "No model is served under this alias.",
        "The alias is misspelt, or no worker serves it any more. Paths and addresses are no aliases: models come "
        "from the registry alone.",
        "`GET /models` lists the aliases; `detail` names the nearest one.",
        "No model serves under this alias; the nearest is 'svm'. GET /models lists them all.",
    ),
    Code.UNKNOWN_FIELD: Text(
        "A row, or the body, has a field that is not known.",
        "Most often a misspelt name. Names are compared without case, spaces, underscores and hyphens, so that "
        "`Work-Life Balance Score` and `work_life_balance_score` are the same field.",
        "`pointer` says where it stands, and `detail` names the nearest field that the model knows. `GET /models` "
        "lists all of them.",
        "Unknown field 'Sleep_Hour'; the nearest that model svm knows is 'Sleep_Hours'.",
        more={"pointer": "/data/0/Sleep_Hour"},
    ),
    Code.DUPLICATE_FIELD: Text(
        "A row has the same feature twice.",
        "Two spellings of one name, such as `Team_Size` and `team size`, or a name that `columns` has twice. Which "
        "of the values is meant cannot be told.",
        "Send each feature once. `pointer` leads to the second one.",
        "Field 'team size' is given twice.",
        more={"pointer": "/data/0/team size"},
    ),
    Code.MISSING_FIELD: Text(
        "A row lacks a feature that its model cannot do without.",
        "The model's card says that the field is required. Others may be left out; the model's pipeline fills them "
        "in, and the prediction says which in `imputed`.",
        "Add the field that `detail` names. In `GET /models` the features that are needed have `required: true`.",
        "Field 'city' is required.",
        more={"pointer": "/data/1"},
    ),
    Code.WRONG_TYPE: Text(
        "A value is not of its feature's type.",
        'Types are strict: `"1.5"` and `true` are no numbers, and a time is an ISO 8601 string. A row that is '
        "neither an object nor an array, and text with half of a surrogate pair, count as well.",
        "Send the type that `detail` names, or `null` for a value that is not there.",
        "Field 'Sleep_Hours' must be a number.",
        more={"pointer": "/data/0/Sleep_Hours"},
    ),
    Code.NOT_FINITE: Text(
        "A number is not finite, or too large for one.",
        "`NaN` and `Infinity` are no JSON, though some libraries write them; `1e999` is more than a 64-bit float "
        "holds.",
        "Leave the field out or send `null` where a value is missing; the model's pipeline fills it in.",
        "NaN and Infinity are no JSON; leave the field out, or send null.",
    ),
    Code.COLUMNS_MISMATCH: Text(
        "Rows given as arrays do not have as many values as `columns` has names.",
        "A value was left out of a row, or a name out of `columns`. Values are matched to names by their place.",
        "Give every row one value for each name, `null` where it has none.",
        "A row must be an array of 2 values, as `columns` has.",
        more={"pointer": "/data/0"},
    ),
    Code.TOO_MANY_FIELDS: Text(
        "A row has more fields than a row may have.",
        "The bound is the setting `STREAMAPP_MAX_FIELDS`, or the number of the model's own features where that is "
        "larger.",
        "Send the model's features and nothing else; `GET /models` lists them.",
        "A row may have 1000 fields (max_fields).",
        more={"pointer": "/data/0"},
    ),
    Code.TOO_MANY_ROWS: Text(
        "The request has more rows than one request may have.",
        "The bound is the setting `STREAMAPP_MAX_ROWS`. One request is predicted as a whole, and a very large one "
        "would hold up those behind it.",
        "Send the rows in several requests, or as `application/x-ndjson` with a record a line.",
        "12000 rows; at most 10000 a request (max_rows).",
        more={"pointer": "/data"},
    ),
    Code.TOO_MANY_FIELDS: Text(
        "A row has more fields than a row may have.",
        "The bound is the setting `STREAMAPP_MAX_FIELDS`, or the number of the model's features where it has more.",
        "Send the fields that the model knows; `GET /models` lists them.",
        "A row may have 1000 fields (max_fields).",
        more={"pointer": "/data/0"},
    ),
    Code.RECORD_TOO_LARGE: Text(
        "The record, or its prediction, is larger than its topic takes.",
        "The bound is the setting `STREAMAPP_MAX_RECORD_BYTES`, which follows the broker's own.",
        "Send fewer rows at once.",
        "A record may have 1000000 bytes; send fewer rows in a line.",
    ),
    Code.MODEL_FAILED: Text(
        "The model raised an error for these rows, or answered in the wrong shape.",
        "The rows fit the model's card, and the model still could not predict them: a category that it has never "
        "seen, a value outside of what it takes, or a fault in it. The other requests of the batch were predicted.",
        "Look at the dead letter (`streamapp dlq show ID`). Once the model is mended, `streamapp dlq redrive` sends "
        "it again.",
        "The model raised ValueError: Found unknown categories.",
        "/predict",
        {"id": "01936d0c-8a4e-7c63-9d0e-5b1f6a2c7e90"},
    ),
    Code.MODEL_TIMEOUT: Text(
        "The model did not answer for these rows in the time that it has.",
        "The bound is the setting `STREAMAPP_PREDICT_TIMEOUT`. Slow rows, too many of them, or a model that hangs.",
        "Send fewer rows at once. A slow model belongs on a topic of its own (`STREAMAPP_MODEL_TOPICS`).",
        "The model did not answer within 3 s.",
        "/predict",
        {"id": "01936d0c-8a4e-7c63-9d0e-5b1f6a2c7e90"},
    ),
}
