"""Every sentence of the story, in Chinese and English."""

WORDS: dict[str, tuple[str, str]] = {
    "title": ("CardCourier 演示：从付款到取卡", "CardCourier: from payment to card, as a story"),
    "starting": ("正在本机启动……（约几秒）", "Starting on this machine … (a few seconds)"),
    "simulated": (
        "说明：云服务由本机引擎扮演，店铺通知由演示程序签名发出，邮件只进入本机邮箱页；其余都是真实代码。",
        "What is simulated: local engines play the cloud, the story signs the shops' notifications, "
        "mail only reaches a local mailbox page. All else is the real code.",
    ),
    "ready": ("服务已就绪：{url}", "Up and running: {url}"),
    "h_shop": ("一、开店", "1. A merchant opens"),
    "tenant": (
        "商户「{name}」已创建，所有者密钥只显示一次（此处隐去）。",
        "Merchant “{name}” exists; the owner's key is shown once (hidden here).",
    ),
    "products": ("上架商品：{names}", "Products: {names}"),
    "shops": (
        "接入店铺：Shopify 一家，自有商城一家；组合商品「礼包」= 月卡 + 季卡。",
        "Connected: a Shopify store and a shop of one's own; the listing “gift” is a bundle of month + quarter.",
    ),
    "h_import": ("二、导入供应商卡密", "2. Cards come in"),
    "preview": (
        "{file}（{encoding}，分隔符 {separator}）：可导入 {accepted} 张，文件内重复 {dup} 行，格式有误 {bad} 行",
        "{file} ({encoding}, separator {separator}): {accepted} to import, {dup} twice in the file, {bad} malformed",
    ),
    "sample": ("　样例（打码）：{sample}", "  sample, masked: {sample}"),
    "committed": ("已加密入库 {count} 张 {name}。", "{count} cards of {name} sealed and in stock."),
    "own_file": (
        "您的文件 {file}：入库 {count} 张，跳过 {skipped} 行。",
        "Your file {file}: {count} cards in stock, {skipped} lines skipped.",
    ),
    "h_orders": ("三、订单付款，自动发货", "3. Orders are paid"),
    "o_shopify": (
        "Shopify 订单 {n}：月卡 × 2 → 回复 {status}",
        "Shopify order {n}: 2 × month → answered {status}",
    ),
    "o_own": (
        "自有商城订单 {n}：月卡 × 1 + 季卡 × 1 → 回复 {status}",
        "Own shop order {n}: month + quarter → answered {status}",
    ),
    "o_gift": (
        "Shopify 礼包订单 {n}：组合商品 × 1 → 回复 {status}",
        "Shopify gift order {n}: one bundle → answered {status}",
    ),
    "o_again": (
        "同一通知再来一次 → 回复 {status}，不会多发",
        "The same notification once more → answered {status}, nothing is sent twice",
    ),
    "o_forged": (
        "伪造签名的通知 → 回复 {status}，拒收",
        "A forged notification → answered {status}, refused",
    ),
    "delivered": (
        "订单 {n}：{status}，{count} 张，付款到可取 {ms} 毫秒",
        "Order {n}: {status}, {count} cards, {ms} ms from payment to revealable",
    ),
    "mailed": (
        "买家收到 {count} 封邮件，内含链接和提货码，不含卡密。",
        "{count} mails went out, with link and pick-up code, never with a card.",
    ),
    "h_reveal": ("四、买家取卡", "4. The buyer opens the link"),
    "masked": ("打开链接：只见尾号 {last4}", "The link shows only the ending {last4}"),
    "shown": ("点击「显示卡密」：{code}（输出中打码）", "“Show” answers with {code} (masked in this output)"),
    "other": (
        "换一个浏览器再看：需要提货码；填写后可见。",
        "A second browser needs the pick-up code; with it the card shows.",
    ),
    "h_refund": ("五、退款", "5. Refunds"),
    "r_before": (
        "未看卡的 {n} 退款：卡回到库存（{before} → {after}）",
        "Refund of {n} before anyone looked: the card is back in stock ({before} → {after})",
    ),
    "r_after": (
        "已看卡的 {n} 退款：单元 {state}，卡作废，不会再售",
        "Refund of {n} after it was shown: unit {state}, the card is burnt and never sold again",
    ),
    "h_replace": ("六、坏卡换新", "6. A bad card is replaced"),
    "replaced": (
        "买家报告无效，客服一次调用换卡：尾号 {old} → {new}，旧卡作废",
        "The buyer reports it, support replaces in one call: {old} → {new}, the old card is burnt",
    ),
    "h_short": ("七、缺货与补货", "7. Sold out, then restocked"),
    "short": (
        "季卡只剩 {left} 张，订单要 {wanted} 张：{got} 张已发，{waits} 张等待",
        "{left} quarter cards left, {wanted} ordered: {got} delivered, {waits} waiting",
    ),
    "filled": (
        "补货导入 {count} 张后，按付款先后自动补发：{status}",
        "{count} more imported; the wait was filled in order of payment: {status}",
    ),
    "h_presale": ("八、预售定时发放", "8. A presale opens"),
    "presale": (
        "年卡预售，{seconds} 秒后开放；两位买家已付款：{status}",
        "Year cards go on presale in {seconds} s; two buyers have paid: {status}",
    ),
    "wait": ("等待中……", "waiting …"),
    "released": (
        "到点后 {ms} 毫秒内开始发放；两单均已 {status}",
        "Released within {ms} ms after the time; both orders {status}",
    ),
    "h_company": ("九、企业大单", "9. A company buys"),
    "workbook": (
        "供应商的 Excel 表 {file}：入库 {count} 张；提醒：{warnings}",
        "A supplier's workbook {file}: {count} cards in stock; warnings: {warnings}",
    ),
    "company": (
        "一单 {count} 张：取卡页给出文本文件，{file_lines} 行（如 {sample}）",
        "One order of {count}: its page hands out a text file of {file_lines} lines (such as {sample})",
    ),
    "h_shared": ("十、可重复使用的卡", "10. A card sold more than once"),
    "shared": (
        "一张共享码限用 {uses} 次，{buyers} 人下单：{served} 人取到，{waits} 人等待，绝不超卖",
        "One code with {uses} uses, {buyers} buyers: {served} served, {waits} waiting, never one too many",
    ),
    "h_pause": ("十一、急停与恢复", "11. The brake"),
    "paused": (
        "商品暂停期间付款的订单：{before}，照收不误；恢复后自动：{after}",
        "An order paid while its product is paused: {before}, and kept; after the resume: {after}",
    ),
    "h_trouble": ("十二、故障演练", "12. Bad weather"),
    "troubled": (
        "消息重复、乱序、应答丢失之下 {orders} 单：每单恰好一张（实际发生：{faults}）",
        "Messages twice, out of order, answers lost, {orders} orders: one card each (what struck: {faults})",
    ),
    "h_systems": ("十三、通知客户系统", "13. Other systems hear of it"),
    "heard": (
        "客户系统收到 {count} 条签名事件，每条验签通过：{kinds}",
        "The customer system heard {count} signed events, each signature right: {kinds}",
    ),
    "h_books": ("十四、对账与自查", "14. Books and checks"),
    "stock": ("库存：{stock}", "Stock: {stock}"),
    "found": ("一个搜索框：按{what}都找到订单 {n}", "One search box: {what} all lead to order {n}"),
    "what": (
        "订单号、提货码、邮箱、完整卡密、卡尾号",
        "order number, pick-up code, e-mail, full card, last four",
    ),
    "report": (
        "日报 {name} 已生成，下载链接 5 分钟内有效：",
        "Daily summary {name} is ready; this link works for 5 minutes:",
    ),
    "orders_report": ("订单明细 {name}：{rows} 行", "Orders report {name}: {rows} rows"),
    "net": (
        "今日净销售额 {net}，卡密成本 {cost}，净利润 {profit} CNY",
        "Net sales today {net}, card cost {cost}, net profit {profit} CNY",
    ),
    "verified": (
        "核验（verify）：每张卡恰有一处归属，无重复出售，账目守恒。",
        "verify: every card has exactly one home, none was sold twice, the counts add up.",
    ),
    "verify_bad": ("核验发现问题：", "verify found problems:"),
    "h_next": ("接下来", "What to try next"),
    "n_page": ("买家页面（可在手机上打开看看）", "the buyer's page"),
    "faults": ("途中发生的故障：{happened}", "faults on the way: {happened}"),
    "n_mail": ("本机邮箱页", "the mailbox"),
    "n_status": ("本机云状态：队列、函数、故障开关", "what the local cloud does: queues, functions, faults"),
    "n_lookup": ("买家查单页", "the buyer's look-up"),
    "n_cli": ("命令行（另开一个终端）", "the command line (in another terminal)"),
    "n_file": ("用您自己的卡密文件再演示一次", "the story with your own card file"),
    "n_shop": ("接入自己的商城", "connect a shop of your own"),
    "n_serve": ("长期运行并保留数据", "run it and keep the data"),
    "n_stop": ("停止：Ctrl-C；清理：make clean", "stop: Ctrl-C; clean up: make clean"),
    "done": ("演示完成，用时 {seconds} 秒。", "The story took {seconds} s."),
    "failed": ("演示没有按预期进行：{reason}", "The story did not go as told: {reason}"),
}
