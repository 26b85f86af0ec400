//! Bodies as applications send them: templates of HTML and of text, each with its own layout and words, and in every body what
//! belongs to one recipient alone.

use std::fmt::Write as _;

use fastrand::Rng;

/// How many templates there are.
pub(super) const TEMPLATES: u32 = 100;

/// Of ten templates so many are HTML; the others are plain text.
const HTML_OF_TEN: u32 = 7;

const WORDS: &str = "account address after again already always another any available back because been before below best \
 bring business button call can card care change choose click close code collection confirm contact continue could customer \
 daily day deliver delivery details different discount does down during each early easy email enjoy even every example expect \
 experience explore extra favourite few find first follow free friend from full future get gift give good great group hand \
 happen have hear help here home hour however idea important include inside instead invoice item join just keep know large \
 last later learn leave let like limited line little local long look love made make many matter maybe means meet member \
 message might minute moment month more most move much need never new news next nothing notice number offer often once only \
 open order other our over package page paid part pay payment people perfect phone place plan please point policy popular \
 possible present price product profile promise provide question quick quite read ready reason receive recent recommend \
 reference refund remember reply request return review right safe same save season second secure see select send service set \
 share ship shop short should show sign simple since small some something soon special start stay step still stock store \
 story such support sure take team thank their then there these they thing think this those through time today together \
 tomorrow total track travel try under until update use valid value very visit voucher wait want warm warranty watch way \
 week weekend welcome well were what when where which while who why will wish with within without wonderful word work world \
 would write year yesterday you your";

const FIRST_NAMES: &str = "Ada Ahmed Aiko Alejandro Amara Amélie Ana Andrzej Anna Antonio Arjun Astrid Ayşe Beatriz Ben Björn \
 Carla Charlotte Chen Chidi Chloé Clara Daniel Daria David Diego Eleni Elif Emil Emma Erik Eva Fatima Felix Finn Francesca \
 Gabriel Giulia Hana Hannah Hugo Ibrahim Ida Ines Ingrid Isaac Ivan Jakub James Jana Jasmin João Johanna Jonas José Julia Kai \
 Karim Katarzyna Kofi Lars Laura Lea Léa Leila Leon Li Lina Linh Louis Lucía Luka Magnus Mai Maja Mara Marco Maria Marie Mateo \
 Matthias Mia Mila Mohamed Nadia Naomi Nia Nikolai Nina Noah Nora Oksana Olga Oliver Oscar Paul Pedro Petra Pia Priya Rafael \
 Ravi Rosa Samuel Sana Sara Sofia Søren Stefan Tariq Thomas Tomáš Uma Valentina Vera Viktor Wei William Yara Yuki Zoë Zofia";

const LAST_NAMES: &str = "Abe Adeyemi Almeida Andersson Bakker Bauer Becker Bianchi Bernard Blanc Braun Brown Carvalho Castro \
 Chang Costa Dahl Davies Demir Díaz Dubois Eriksen Evans Fernandes Ferrari Fischer Fontaine Fuchs García Gomes González Green \
 Gruber Hansen Haddad Hoffmann Horváth Hughes Ivanova Jansen Jensen Johansson Jones Kaya Keller Khan Kim Klein Koch Kovács \
 Kowalski Krause Kumar Lambert Larsen Lefèvre Lewandowski Lindqvist López Mancini Marino Martin Martínez Mazur Meyer Moreau \
 Müller Nagy Nakamura Nguyen Nielsen Novák Okafor Olsen Osei Papadopoulos Park Patel Pereira Petrov Popescu Richter Rizzo \
 Rodrigues Romano Rossi Roux Sánchez Santos Schmidt Schneider Silva Simon Singh Smith Sokolov Suzuki Svensson Takahashi Tanaka \
 Taylor Thomsen Torres Ueda Vargas Virtanen Vogel Wagner Walker Weber White Wilson Wójcik Wright Yamamoto Yılmaz Zhang Zimmermann";

const CITIES: &str = "Aarhus Amsterdam Antwerp Athens Barcelona Basel Bergen Berlin Bilbao Bologna Bordeaux Bratislava Bremen \
 Bristol Brno Brussels Budapest Cardiff Cologne Copenhagen Cork Dresden Dublin Edinburgh Eindhoven Espoo Florence Gdańsk Geneva \
 Genoa Ghent Glasgow Gothenburg Graz Hamburg Helsinki Innsbruck Kraków Lausanne Leeds Leipzig Lille Lisbon Ljubljana London Lyon \
 Madrid Malmö Manchester Marseille Milan Munich Naples Nantes Nice Oslo Padua Palermo Paris Porto Prague Rennes Riga Rome \
 Rotterdam Salzburg Seville Sofia Stockholm Strasbourg Stuttgart Tallinn Toulouse Trieste Turin Utrecht Valencia Verona Vienna \
 Vilnius Warsaw Wrocław York Zagreb Zaragoza Zürich";

const COLOURS: [&str; 12] = [
    "#1a1a2e", "#0f4c81", "#e94560", "#f5f5f5", "#2d6a4f", "#ff7f11", "#3a0ca3", "#fefae0", "#bc4749",
    "#14213d", "#457b9d", "#ffffff",
];

const FONTS: [&str; 4] = [
    "Ubuntu, Helvetica, Arial, sans-serif",
    "'Open Sans', 'Segoe UI', Roboto, sans-serif",
    "Georgia, 'Times New Roman', serif",
    "Inter, -apple-system, BlinkMacSystemFont, sans-serif",
];

/// A part of a template.
#[derive(Debug)]
enum Part {
    /// The same in each body.
    Fixed(String),
    FirstName,
    FullName,
    /// Street, number, postcode and city.
    Address,
    OrderNumber,
    Date,
    Amount,
    /// What was ordered: one line to six.
    OrderLines,
    /// Three things that the recipient may like.
    Recommended,
    /// A link with a token of the recipient's.
    Link(String),
    /// A longer token, as links to unsubscribe have.
    LongToken,
    /// What names the mail itself.
    MailId,
}

/// A template: its layout, its words and where what belongs to the recipient goes.
pub(super) struct Template {
    pub(super) name: String,
    parts: Vec<Part>,
    is_html: bool,
    /// Names of things, with their prices in cents.
    products: Vec<(String, u32)>,
}

fn pick<'a>(random: &mut Rng, list: &'a str) -> &'a str {
    let count = list.split_ascii_whitespace().count();
    list.split_ascii_whitespace().nth(random.usize(..count)).unwrap_or("")
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn sentence(random: &mut Rng) -> String {
    let mut text = capitalised(pick(random, WORDS));
    for _ in 0..random.usize(5..16) {
        text.push(' ');
        text.push_str(pick(random, WORDS));
        if random.u8(..9) == 0 {
            text.push(',');
        }
    }
    text.push('.');
    text
}

fn paragraph(random: &mut Rng) -> String {
    (0..random.usize(2..5)).map(|_| sentence(random)).collect::<Vec<_>>().join(" ")
}

fn token(random: &mut Rng, chars: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..chars).map(|_| char::from(ALPHABET[random.usize(..64)])).collect()
}

fn hex_id(random: &mut Rng) -> String {
    let (high, low) = (random.u64(..), random.u64(..));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

impl Template {
    /// The template of a number, the same each time.
    pub(super) fn new(number: u32) -> Self {
        let mut random = Rng::with_seed(0x7e3a_u64.wrapping_add(u64::from(number) * 7919));
        let is_html = number % 10 < HTML_OF_TEN;
        let products = (0..random.usize(60..400))
            .map(|_| {
                let name = format!(
                    "{} {} {}",
                    capitalised(pick(&mut random, WORDS)),
                    pick(&mut random, WORDS),
                    random.u16(10..999)
                );
                (name, random.u32(390..25_000))
            })
            .collect();
        let mut template =
            Self { name: format!("template-{number:03}"), parts: Vec::new(), is_html, products };
        if is_html {
            template.lay_out_html(&mut random);
        } else {
            template.lay_out_text(&mut random);
        }
        template
    }

    fn fixed(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(Part::Fixed(fixed)) => fixed.push_str(text),
            _ => self.parts.push(Part::Fixed(text.to_owned())),
        }
    }

    fn lay_out_html(&mut self, random: &mut Rng) {
        let font = FONTS[random.usize(..FONTS.len())];
        let colour = |random: &mut Rng| COLOURS[random.usize(..COLOURS.len())];
        let (background, ink, accent) = (colour(random), colour(random), colour(random));
        let title = sentence(random);
        self.fixed(&format!("<!doctype html><html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\"><head><title>{title}</title><meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style type=\"text/css\">#outlook a {{ padding:0; }} body {{ margin:0;padding:0;-webkit-text-size-adjust:100%;-ms-text-size-adjust:100%; }} table, td {{ border-collapse:collapse;mso-table-lspace:0pt;mso-table-rspace:0pt; }} img {{ border:0;height:auto;line-height:100%; outline:none;text-decoration:none; }} p {{ display:block;margin:13px 0; }} @media only screen and (min-width:480px) {{ .mj-column-per-100 {{ width:100% !important; max-width: 100%; }} }}</style></head><body style=\"word-spacing:normal;background-color:{background};\"><div style=\"background-color:{background};\">"));
        self.fixed("<div style=\"display:none;font-size:1px;color:#ffffff;line-height:1px;max-height:0px;overflow:hidden;\">");
        self.fixed(&sentence(random));
        self.fixed("</div>");
        self.open_section(random, accent);
        self.fixed(&format!("<td align=\"left\" style=\"font-size:0px;padding:10px 25px;\"><div style=\"font-family:{font};font-size:16px;line-height:1.5;color:{ink};\">Dear "));
        self.parts.push(if random.bool() { Part::FirstName } else { Part::FullName });
        self.fixed(&format!(",<br>{}", paragraph(random)));
        self.parts.push(Part::OrderNumber);
        self.fixed(&format!(" {} ", sentence(random)));
        self.parts.push(Part::Date);
        self.fixed("</div></td>");
        self.close_section();
        for number in 0..random.usize(1..3) {
            self.open_section(random, background);
            self.fixed(&format!("<td align=\"left\" style=\"font-size:0px;padding:{}px 25px;\"><div style=\"font-family:{font};font-size:14px;line-height:1.6;text-align:left;color:{ink};\"><h2 style=\"margin:0 0 12px;font-size:20px;color:{accent};\">{}</h2>{}</div></td></tr><tr>", random.u8(4..30), sentence(random), paragraph(random)));
            match (number, random.u8(..3)) {
                (0, _) => self.parts.push(Part::OrderLines),
                (1, 0 | 1) => self.parts.push(Part::Recommended),
                (_, 0) => self.parts.push(Part::Address),
                _ => {}
            }
            self.fixed(&format!("<td align=\"center\" style=\"font-size:0px;padding:10px 25px;\"><table border=\"0\" cellpadding=\"0\" cellspacing=\"0\" role=\"presentation\" style=\"border-collapse:separate;line-height:100%;\"><tr><td align=\"center\" bgcolor=\"{accent}\" role=\"presentation\" style=\"border:none;border-radius:{}px;cursor:auto;mso-padding-alt:10px 25px;background:{accent};\" valign=\"middle\"><a href=\"", random.u8(2..12)));
            let path = format!("https://click.shop-{}.example/{}/", random.u8(10..99), pick(random, WORDS));
            self.parts.push(Part::Link(path));
            self.fixed(&format!("\" style=\"display:inline-block;background:{accent};color:{background};font-family:{font};font-size:13px;font-weight:normal;line-height:120%;margin:0;text-decoration:none;padding:10px 25px;\" target=\"_blank\">{} {}</a></td></tr></table></td>", capitalised(pick(random, WORDS)), pick(random, WORDS)));
            self.close_section();
        }
        self.open_section(random, ink);
        self.fixed(&format!("<td align=\"center\" style=\"font-size:0px;padding:10px 25px;\"><div style=\"font-family:{font};font-size:11px;line-height:16px;color:#777777;\">{} Total: ", paragraph(random)));
        self.parts.push(Part::Amount);
        self.fixed(". <a href=\"https://shop.example/unsubscribe/");
        self.parts.push(Part::LongToken);
        self.fixed("\" style=\"color:#777777;\">Unsubscribe</a> | <a href=\"https://shop.example/view/");
        self.parts.push(Part::MailId);
        self.fixed("\" style=\"color:#777777;\">View in browser</a></div></td>");
        self.close_section();
        self.fixed("</div><img src=\"https://px.shop.example/o/");
        self.parts.push(Part::LongToken);
        self.fixed(".gif\" width=\"1\" height=\"1\" alt=\"\"></body></html>");
    }

    fn open_section(&mut self, random: &mut Rng, background: &str) {
        self.fixed(&format!("<!--[if mso | IE]><table align=\"center\" border=\"0\" cellpadding=\"0\" cellspacing=\"0\" class=\"\" style=\"width:600px;\" width=\"600\" ><tr><td style=\"line-height:0px;font-size:0px;mso-line-height-rule:exactly;\"><![endif]--><div style=\"background:{background};background-color:{background};margin:0px auto;max-width:600px;\"><table align=\"center\" border=\"0\" cellpadding=\"0\" cellspacing=\"0\" role=\"presentation\" style=\"background:{background};background-color:{background};width:100%;\"><tbody><tr><td style=\"direction:ltr;font-size:0px;padding:{}px 0;text-align:center;\"><div class=\"mj-column-per-100 mj-outlook-group-fix\" style=\"font-size:0px;text-align:left;direction:ltr;display:inline-block;vertical-align:top;width:100%;\"><table border=\"0\" cellpadding=\"0\" cellspacing=\"0\" role=\"presentation\" style=\"vertical-align:top;\" width=\"100%\"><tbody><tr>", random.u8(8..40)));
    }

    fn close_section(&mut self) {
        self.fixed("</tr></tbody></table></div></td></tr></tbody></table></div><!--[if mso | IE]></td></tr></table><![endif]-->");
    }

    fn lay_out_text(&mut self, random: &mut Rng) {
        self.fixed("Hello ");
        self.parts.push(if random.bool() { Part::FirstName } else { Part::FullName });
        self.fixed(&format!(",\r\n\r\n{}\r\n\r\n", paragraph(random)));
        for number in 0..random.usize(3..6) {
            self.fixed(&format!("{}\r\n", sentence(random).to_uppercase()));
            self.fixed(&format!("{}\r\n{} ", paragraph(random), sentence(random)));
            match (number, random.u8(..4)) {
                (0, _) => self.parts.push(Part::OrderLines),
                (1, 0 | 1) => self.parts.push(Part::Address),
                (_, 0) => self.parts.push(Part::Recommended),
                (_, 1) => self.parts.push(Part::OrderNumber),
                _ => self.parts.push(Part::Date),
            }
            let path = format!("https://click.shop-{}.example/{}/", random.u8(10..99), pick(random, WORDS));
            self.fixed("\r\n");
            self.parts.push(Part::Link(path));
            self.fixed("\r\n\r\n");
        }
        self.fixed("Total: ");
        self.parts.push(Part::Amount);
        self.fixed(&format!(
            "\r\n\r\n{}\r\n-- \r\n{}\r\nUnsubscribe: https://shop.example/u/",
            paragraph(random),
            sentence(random)
        ));
        self.parts.push(Part::LongToken);
        self.fixed("\r\n");
    }

    /// A body for one recipient.
    pub(super) fn body(&self, random: &mut Rng) -> String {
        let mut body = String::with_capacity(10_000);
        let (first, last) = (pick(random, FIRST_NAMES), pick(random, LAST_NAMES));
        let order = random.u32(10_000_000..99_999_999);
        let mail = hex_id(random);
        for part in &self.parts {
            match part {
                Part::Fixed(text) => body.push_str(text),
                Part::FirstName => body.push_str(first),
                Part::FullName => {
                    let _ = write!(body, "{first} {last}");
                }
                Part::Address => {
                    let street = pick(random, LAST_NAMES);
                    let _ = write!(
                        body,
                        "{} {last}, {street} Street {}, {} {}",
                        first,
                        random.u8(1..200),
                        random.u32(10_000..99_999),
                        pick(random, CITIES)
                    );
                }
                Part::OrderNumber => {
                    let _ = write!(body, " #{order}");
                }
                Part::Date => {
                    let _ = write!(
                        body,
                        "2026-{:02}-{:02} {:02}:{:02}",
                        random.u8(1..13),
                        random.u8(1..29),
                        random.u8(..24),
                        random.u8(..60)
                    );
                }
                Part::Amount => {
                    let _ = write!(body, "€{}.{:02}", random.u32(5..600), random.u8(..100));
                }
                Part::OrderLines => self.order_lines(random, &mut body),
                Part::Recommended => self.recommended(random, &mut body),
                Part::Link(path) => {
                    let _ = write!(body, "{path}{}?m={mail}", token(random, 22));
                }
                Part::LongToken => body.push_str(&token(random, 43)),
                Part::MailId => body.push_str(&mail),
            }
        }
        body
    }

    fn order_lines(&self, random: &mut Rng, body: &mut String) {
        for _ in 0..random.usize(1..7) {
            let (name, cents) = &self.products[random.usize(..self.products.len())];
            let count = random.u32(1..4);
            let cents = cents * count;
            let sku = random.u32(100_000..999_999);
            let _ = if self.is_html {
                write!(
                    body,
                    "<td style=\"padding:6px 25px;font-size:13px;\">{count} × {name} <span style=\"color:#999999;\">SKU {sku}</span></td><td align=\"right\" style=\"padding:6px 25px;font-size:13px;\">€{}.{:02}</td></tr><tr>",
                    cents / 100,
                    cents % 100
                )
            } else {
                write!(body, "  {count} x {name} (SKU {sku})  €{}.{:02}\r\n", cents / 100, cents % 100)
            };
        }
    }

    fn recommended(&self, random: &mut Rng, body: &mut String) {
        for _ in 0..3 {
            let (name, cents) = &self.products[random.usize(..self.products.len())];
            let item = token(random, 11);
            let _ = if self.is_html {
                write!(
                    body,
                    "<td align=\"center\" style=\"padding:8px;\"><a href=\"https://shop.example/p/{item}?r={}\"><img src=\"https://cdn.shop.example/i/{item}.jpg\" width=\"160\" alt=\"{name}\"></a><br>{name}<br>€{}.{:02}</td>",
                    token(random, 16),
                    cents / 100,
                    cents % 100
                )
            } else {
                write!(
                    body,
                    "  * {name}, €{}.{:02}: https://shop.example/p/{item}\r\n",
                    cents / 100,
                    cents % 100
                )
            };
        }
    }
}
