"""Scrapy.

Settings (docs.scrapy.org, "Broad crawls" and "Settings"):
- CONCURRENT_REQUESTS and CONCURRENT_REQUESTS_PER_DOMAIN as many as asked for: all pages are one host's.
- No cookies, retries, redirects, robots.txt, AutoThrottle, delay, referrers, proxies from the environment or telnet
  console, and no messages but errors: "Broad crawls" advises most of it, and nobody needs the rest here.
- Nothing is parsed. Requests come from a generator in `start`; DownloaderAwarePriorityQueue is for many hosts.
- The asyncio reactor, the default, with uvloop's loop.

The seconds are those from the opening of the spider to its end; the interpreter's start is not counted.
"""

import time

import scrapy
from fetching import Fetch
from peer import version_of
from scrapy.crawler import CrawlerProcess

fetch = Fetch(
    "scrapy",
    version_of("scrapy"),
    "{concurrency} at once and for the host, no cookies, retries, redirects, robots.txt or delay, uvloop",
)


class Pages(scrapy.Spider):
    name = "pages"
    custom_settings = {
        "CONCURRENT_REQUESTS": fetch.concurrency,
        "CONCURRENT_REQUESTS_PER_DOMAIN": fetch.concurrency,
        "DOWNLOAD_DELAY": 0,
        "AUTOTHROTTLE_ENABLED": False,
        "COOKIES_ENABLED": False,
        "RETRY_ENABLED": False,
        "REDIRECT_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "REFERER_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "HTTPPROXY_ENABLED": False,
        "LOG_LEVEL": "ERROR",
        "ASYNCIO_EVENT_LOOP": "uvloop.Loop",
    }

    async def start(self):
        self.began = time.monotonic()
        for number, url in enumerate(fetch.urls):
            yield scrapy.Request(url, callback=self.keep, cb_kwargs={"number": number}, dont_filter=True)

    def keep(self, response, number):
        fetch.file(number).write_bytes(response.body)

    def closed(self, reason):
        fetch.done(time.monotonic() - self.began)


process = CrawlerProcess()
process.crawl(Pages)
process.start()
