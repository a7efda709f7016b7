"""Random requests to a table engine, of the shapes the product sends and somewhat beyond, from a seed.

Few keys and few values, so that conditions hold about as often as not and items meet again and again.
"""

from dataclasses import dataclass
from random import Random

MAIN, VAULT = "MainTable", "VaultTable"
HASHES = ("P#1", "P#2", "O#中")
RANGES = ("a", "a#1", "a#2", "b", "é#1", "中", "\U0001f511")
NUMBERS = ("0", "1", "2", "-5", "10", "2.50", "1234567890123")
TEXTS = ("x", "xy", "中文", "HELD")
FIRM = ("c", "d", "due", "n", "t", "l")
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")


@dataclass
class Expressions:
    """Collects the placeholders of one request."""

    random: Random

    def __post_init__(self):
        self.names, self.values = {}, {}
        self.bare = [name for name in ("pk", "sk", "d", "due", "c", "n") if self.random.random() < 0.3]

    def name(self, name):
        """In the product most names are placeholders, some stand for themselves."""
        if name in self.bare:
            return name
        return self.names.setdefault(name, f"#{len(self.names)}")

    def value(self, value):
        placeholder = f":{len(self.values)}"
        self.values[placeholder] = value
        return placeholder

    def placeholders(self):
        told = {}
        if self.names:
            told["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in self.names.items()}
        if self.values:
            told["ExpressionAttributeValues"] = self.values
        return told


class Requests:
    """An endless stream of `(method, request)`."""

    def __init__(self, seed):
        self.random = Random(seed)

    def __iter__(self):
        makers = {
            self.put: 6,
            self.update: 8,
            self.delete: 2,
            self.get: 2,
            self.query: 4,
            self.index: 2,
            self.scan: 1,
            self.transaction: 6,
            self.batch_get: 1,
            self.batch_write: 1,
        }
        while True:
            (make,) = self.random.choices(list(makers), list(makers.values()))
            yield make()

    # -- items ----------------------------------------------------------------------------------------

    def chance(self, share):
        return self.random.random() < share

    def key(self, table=MAIN):
        if table == VAULT:
            return {"pk": {"S": self.random.choice(HASHES)}}
        return {"pk": {"S": self.random.choice(HASHES)}, "sk": {"S": self.random.choice(RANGES)}}

    def number(self):
        return {"N": self.random.choice(NUMBERS)}

    def text(self):
        return {"S": self.random.choice(TEXTS)}

    def texts(self):
        return {"SS": self.random.sample(TEXTS, self.random.randint(1, 3))}

    def listed(self):
        return {"L": [self.simple() for _ in range(self.random.randint(0, 3))]}

    def mapped(self):
        return {"M": {name: self.simple() for name in self.random.sample("xyz", self.random.randint(0, 2))}}

    def simple(self):
        return self.random.choice(
            (self.number, self.text, lambda: {"BOOL": True}, lambda: {"NULL": True}, lambda: {"B": b"\0\xff"})
        )()

    def any(self):
        numbers = {"NS": self.random.sample(NUMBERS, 2)}
        return self.random.choice(
            (self.simple, self.texts, self.listed, self.mapped, lambda: numbers, lambda: {"S": ""})
        )()

    def of(self, name):
        """A value that suits an attribute, as a rule; always where an index, a sum or a set needs it."""
        if name not in FIRM and self.chance(0.03):
            return self.any()
        makers = {"n": self.number, "due": self.number, "t": self.texts, "l": self.listed, "m": self.mapped}
        return makers.get(name, self.text)()

    def attribute(self):
        return self.random.choice(("n", "n", "s", "s", "st", "t", "l", "m", "d", "due", "c"))

    def item(self, table=MAIN):
        names = {self.attribute() for _ in range(self.random.randint(0, 6))}
        return {**self.key(table), **{name: self.of(name) for name in sorted(names)}}

    # -- expressions ----------------------------------------------------------------------------------

    def condition(self, expressions, depth=2):
        if depth and self.chance(0.4):
            left, right = (self.condition(expressions, depth - 1) for _ in range(2))
            return f"({left} {self.random.choice(('AND', 'OR'))} {right})"
        if depth and self.chance(0.1):
            return f"(NOT {self.condition(expressions, depth - 1)})"
        return self.simple_condition(expressions)

    def simple_condition(self, expressions, keys=("pk",)):
        name = self.random.choice((*keys, self.attribute(), self.attribute(), self.attribute()))
        path, value = expressions.name(name), expressions.value
        match self.random.randrange(8):
            case 0 | 1:
                return f"attribute_exists ({path})"
            case 2 | 3:
                return f"attribute_not_exists ({path})"
            case 4:
                among = ", ".join(value(self.of(name)) for _ in range(self.random.randint(1, 3)))
                return f"{path} IN ({among})"
            case 5:
                return self.function(expressions, name, path)
            case _:
                comparison = self.random.choice(COMPARISONS)
                if comparison not in ("=", "<>") and name not in ("n", "due", "s", "st", "d", "c", "pk"):
                    comparison = "="
                wanted = self.of(name) if comparison in ("=", "<>") else self.ranked(name)
                return f"{path} {comparison} {value(wanted)}"

    def ranked(self, name):
        return self.number() if name in ("n", "due") else self.text()

    def function(self, expressions, name, path):
        value = expressions.value
        if name in ("t", "l"):
            return f"contains ({path}, {value(self.text())})"
        if name in ("pk", "c", "d"):
            return f"begins_with ({path}, {value(self.text())})"
        return f"attribute_exists ({path})"

    def changes(self, expressions):
        """An update expression over attributes of which each is touched once."""
        names = dict.fromkeys(self.attribute() for _ in range(self.random.randint(1, 5)))
        clauses = {"SET": [], "REMOVE": [], "ADD": [], "DELETE": []}
        for name in names:
            clause, change = self.change(expressions, name)
            clauses[clause].append(change)
        return " ".join(f"{clause} {', '.join(parts)}" for clause, parts in clauses.items() if parts)

    def change(self, expressions, name):
        value = expressions.value
        if self.chance(0.25):
            return "REMOVE", expressions.name(name)
        if name in ("n", "due", "t") and self.chance(0.3):
            return "ADD", f"{expressions.name(name)} {value(self.of(name))}"
        if name == "t" and self.chance(0.3):
            return "DELETE", f"{expressions.name(name)} {value(self.texts())}"
        return "SET", f"{expressions.name(name)} = {self.right_side(expressions, name)}"

    def right_side(self, expressions, name):
        itself, value = expressions.name(name), expressions.value
        if name == "n" and self.chance(0.6):
            sign = self.random.choice("+-")
            if self.chance(0.7):
                return f"if_not_exists ({itself}, {value({'N': '0'})}) {sign} {value(self.number())}"
            return f"{itself} {sign} {value(self.number())}"
        if name == "l" and self.chance(0.6):
            return f"list_append (if_not_exists ({itself}, {value({'L': []})}), {value(self.listed())})"
        if self.chance(0.2):
            return f"if_not_exists ({itself}, {value(self.of(name))})"
        if name not in FIRM and self.chance(0.05):
            return expressions.name(self.attribute())
        return value(self.of(name))

    # -- writes ---------------------------------------------------------------------------------------

    def write(self, verb, condition=0.7):
        expressions = Expressions(self.random)
        table = self.random.choice((MAIN, MAIN, MAIN, VAULT))
        request = {"TableName": table}
        if verb == "Put":
            request["Item"] = self.item(table)
        else:
            request["Key"] = self.key(table)
        if verb == "Update":
            request["UpdateExpression"] = self.changes(expressions)
        if verb == "ConditionCheck" or self.chance(condition):
            request["ConditionExpression"] = self.condition(expressions)
        if self.chance(0.8):
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return {**request, **expressions.placeholders()}

    def put(self):
        return "put_item", self.write("Put", 0.5)

    def delete(self):
        return "delete_item", self.write("Delete")

    def update(self):
        returning = self.random.choice(("NONE", "ALL_NEW", "UPDATED_NEW"))
        return "update_item", {**self.write("Update", 0.5), "ReturnValues": returning}

    def transaction(self):
        verbs = self.random.choices(
            ("Put", "Update", "Delete", "ConditionCheck"), k=self.random.randint(1, 4)
        )
        return "transact_write_items", {"TransactItems": [{verb: self.write(verb, 0.6)} for verb in verbs]}

    def batch_write(self):
        table = self.random.choice((MAIN, VAULT))
        writes = [
            {"PutRequest": {"Item": self.item(table)}}
            if self.chance(0.7)
            else {"DeleteRequest": {"Key": self.key(table)}}
            for _ in range(self.random.randint(1, 4))
        ]
        return "batch_write_item", {"RequestItems": {table: writes}}

    # -- reads ----------------------------------------------------------------------------------------

    def get(self):
        table = self.random.choice((MAIN, VAULT))
        return "get_item", {"TableName": table, "Key": self.key(table), "ConsistentRead": True}

    def batch_get(self):
        keys = [self.key() for _ in range(self.random.randint(1, 4))]
        return "batch_get_item", {"RequestItems": {MAIN: {"Keys": keys, "ConsistentRead": True}}}

    def query(self):
        expressions = Expressions(self.random)
        value = expressions.value
        pk = {"S": self.random.choice(HASHES)}
        hash_key = f"{expressions.name('pk')} = {value(pk)}"
        name = expressions.name("sk") if self.chance(0.7) else ""
        low, high = sorted(self.random.sample((*RANGES, "0", "~"), 2))
        range_key = (
            name
            and self.random.choice(
                (
                    lambda: f"{name} BETWEEN {value({'S': low})} AND {value({'S': high})}",
                    lambda: f"begins_with ({name}, {value({'S': low})})",
                    lambda: f"{name} {self.random.choice(('=', '<', '<=', '>', '>='))} {value({'S': low})}",
                )
            )()
        )
        condition = f"({hash_key} AND {range_key})" if range_key else hash_key
        request = {"TableName": MAIN, "KeyConditionExpression": condition, "ConsistentRead": True}
        if not range_key and self.chance(0.15):
            request["ExclusiveStartKey"] = {**self.key(), "pk": pk}
        return "query", {**request, **self.paging(expressions), **expressions.placeholders()}

    def paging(self, expressions):
        more = {}
        if self.chance(0.4):
            more["Limit"] = self.random.randint(1, 4)
        if self.chance(0.3):
            more["ScanIndexForward"] = False
        if self.chance(0.2):
            more["Select"] = "COUNT"
        elif self.chance(0.2):
            names = dict.fromkeys(["sk", *(self.attribute() for _ in range(2))])
            more["ProjectionExpression"] = ", ".join(map(expressions.name, names))
        if self.chance(0.3):
            more["FilterExpression"] = self.simple_condition(expressions, keys=())
        return more

    def index(self):
        expressions = Expressions(self.random)
        value = expressions.value
        name = self.random.choice(("due", "due", "card"))
        hash_key = "c" if name == "card" else "d"
        condition = f"{expressions.name(hash_key)} = {value(self.text())}"
        if name == "due" and self.chance(0.5):
            condition += f" AND due {self.random.choice(('=', '<', '<=', '>', '>='))} {value(self.number())}"
        request = {"TableName": MAIN, "IndexName": name, "KeyConditionExpression": condition}
        if self.chance(0.3):
            request["ScanIndexForward"] = False
        if self.chance(0.3):
            request["Limit"] = self.random.randint(1, 3)
        return "query", {**request, **expressions.placeholders()}

    def scan(self):
        expressions = Expressions(self.random)
        request = {"TableName": self.random.choice((MAIN, VAULT)), "ConsistentRead": True}
        if self.chance(0.4):
            request["FilterExpression"] = self.condition(expressions)
        if self.chance(0.3):
            request["Limit"] = self.random.randint(1, 5)
        return "scan", {**request, **expressions.placeholders()}
