// weight_steps: the stream of weight entries as steps of the row engine, an entry a clock.
//
// An entry {last, double, sign, gap[5:0]} moves the input index on by gap + 1 (a row starts at -1) and adds that
// input, or subtracts it if sign; gap 63 moves on by 63 and adds nothing; double doubles the sum first and goes back
// to -1; last ends the row (`hwsim.digits`). A row starts from the next bias; as the doublings would double it, too, it comes
// in pieces: the start value in bits 23:0, and in bits 30:24 the lowest bit of the sum after each doubling, the first
// one in bit 24.
//
// In a classify operation every row counts three times: the same sum goes on through the entries of two more rows
// (which add nothing), so that its three bytes can be written one after another.
//
// Entries are taken while active_i; a clock without an entry, or without the bias that it needs, is a bubble. The
// steps leave one and two clocks later. wrong_o: an entry points behind the last input.
`default_nettype none

module weight_steps (
    input  wire        clk_i,
    input  wire        rst_ni,

    input  wire        start_i,
    input  wire        active_i,
    input  wire        classify_i,
    input  wire [11:0] source_i, // address of input 0
    input  wire [11:0] inputs_i,
    output wire        row_end_o, // the entry taken now ends a row
    output wire        starved_o, // active, and nothing can be taken

    input  wire        entry_valid_i,
    input  wire [ 8:0] entry_i,
    output wire        entry_take_o,
    input  wire        bias_valid_i,
    input  wire [30:0] bias_i,
    output wire        bias_take_o,

    output reg  [11:0] address_o,
    output reg         step_o,
    output reg         skip_o,
    output reg         double_o,
    output reg         negate_o,
    output reg         last_o,
    output reg         clear_o,
    output reg  [ 1:0] byte_o,
    output reg  [23:0] start_o,
    output reg         wrong_o
);
  wire last = entry_i[8];
  wire double = entry_i[7];
  wire sign = entry_i[6];
  wire skip = entry_i[5:0] == 6'd63;

  // ---- Take an entry, and with the first of a row its bias.
  reg first_q; // of a row
  reg [1:0] byte_q; // which time this row counts
  wire wants_bias = first_q && byte_q == 2'd0;
  wire final_byte = !classify_i || byte_q == 2'd2;
  wire take = active_i && entry_valid_i && (!wants_bias || bias_valid_i);

  assign entry_take_o = take;
  assign bias_take_o = take && wants_bias;
  assign row_end_o = take && last;
  assign starved_o = active_i && !take;

  // ---- Stage 1.
  reg step1_q, skip1_q, double1_q, negate1_q, last1_q, clear1_q, restart1_q;
  reg [1:0] byte1_q;
  reg [5:0] move1_q;
  reg [23:0] start1_q;
  reg [6:0] later_q;
  reg [11:0] before_q, limit_q; // the addresses before the first input and of the last one

  always @(posedge clk_i) begin
    if (start_i) begin
      first_q <= 1'b1;
      byte_q  <= 2'd0;
    end else if (take) begin
      first_q <= last;
      if (last) byte_q <= final_byte ? 2'd0 : byte_q + 2'd1;
    end
    step1_q    <= rst_ni && take;
    last1_q    <= rst_ni && take && last;
    clear1_q   <= rst_ni && take && last && final_byte;
    skip1_q    <= take && skip;
    double1_q  <= take && double;
    negate1_q  <= take && !sign;
    restart1_q <= first_q || double;
    byte1_q    <= take ? byte_q : 2'd0;
    move1_q    <= skip ? 6'd63 : entry_i[5:0] + 6'd1;
    start1_q   <= bias_take_o ? bias_i[23:0] : {23'd0, take && double && later_q[0]};
    if (bias_take_o) later_q <= bias_i[30:24];
    else if (take && double) later_q <= {1'b0, later_q[6:1]};
    before_q   <= source_i - 12'd1;
    limit_q    <= source_i + inputs_i - 12'd1;
  end

  // ---- Stage 2: the address.
  reg checked_q;

  always @(posedge clk_i) begin
    step_o   <= rst_ni && step1_q;
    last_o   <= rst_ni && last1_q;
    clear_o  <= rst_ni && clear1_q;
    skip_o   <= skip1_q;
    double_o <= double1_q;
    negate_o <= negate1_q;
    byte_o   <= byte1_q;
    start_o  <= start1_q;
    if (step1_q) address_o <= (restart1_q ? before_q : address_o) + {6'd0, move1_q};
    else if (start_i) address_o <= 12'd0;
    checked_q <= rst_ni && step1_q && !skip1_q;
    wrong_o   <= rst_ni && checked_q && address_o > limit_q;
  end
endmodule

`default_nettype wire
